/** What a hook is for. */
export const hookNames = ['reboot', 'replace', 'fence', 'addNodes'] as const;

export type HookName = (typeof hookNames)[number];

interface HookOf<T extends string> {
  type: T;
  /** Whether a person must agree each time. */
  approval: boolean;
  timeoutMs: number;
}

/** Deletes the Cluster API Machine of a node, whose owner makes another. */
export interface MachineHook extends HookOf<'machine'> {
  /** Path of the kubeconfig of the management cluster; the cluster itself where left out. */
  kubeconfig?: string;
  context?: string;
  /** Version of Cluster API's objects. */
  apiVersion: string;
}

/** Runs a Job made from a manifest, and waits until it is complete. */
export interface JobHook extends HookOf<'job'> {
  namespace: string;
  /** On the node itself, or wherever there is room. */
  placement: 'node' | 'anywhere';
  /** The manifest of a Job. */
  template?: Record<string, unknown>;
  /** Where the manifest is, as YAML: a ConfigMap of the namespace, and its key. */
  configMap?: { name: string; key: string };
}

/** Runs a command on the worker's machine. */
export interface CommandHook extends HookOf<'command'> {
  /** Program and arguments; `{node}` and `{providerId}` are filled in. Never given to a shell. */
  command: string[];
  /** Names of the worker's environment variables that it gets, beside those that tell of the node. */
  environment: string[];
}

/** Something of the user's own that does what Homeostat cannot: reboot, replace, fence or add nodes. */
export type Hook = MachineHook | JobHook | CommandHook;

export type Hooks = Partial<Record<HookName, Hook>>;

/** `command terraform`, for people. */
export function describeHook(hook: Hook): string {
  if (hook.type === 'command') return `command ${hook.command[0]}`;
  if (hook.type === 'job') return `Job in ${hook.namespace}`;
  return "deletion of its Cluster API Machine, which the Machine's owner replaces";
}
