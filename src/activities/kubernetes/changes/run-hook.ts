import type { KubernetesObject, V1Node } from '@kubernetes/client-node';
import type { PlannedChange, RunHookChange } from '../../../model/change';
import { describeHook, type Hook, type HookName } from '../../../model/hooks';
import { isUnreachable } from '../../../model/kubernetes/node-state';
import { canonicalJson } from '../../../model/kubernetes/template';
import type { Declined, StepResult } from '../../../model/procedure';
import type { Target } from '../../../model/target';
import { refuse } from '../errors';
import { changeDigest, sha256 } from '../hash';
import { runHookOf } from '../hooks';
import { findMachine } from '../hooks/machine';
import { findObject, pathOf } from '../resources';
import type { ChangeContext, ChangeOfKind } from './kind';

/**
 * Runs a hook of the user's own for a node, or for what needs more nodes. It gets a key that is the same
 * for every attempt, so that it can tell a repeated call from a new one. There is no way back from it.
 */
export const runHook: ChangeOfKind<'run-hook'> = {
  plan: planRunHook,
  make: makeRunHook,
  revert: async (_context, { hook }) => ({
    result: 'already',
    detail: `what the hook ${hook} did stays`,
  }),
};

async function planRunHook(
  context: ChangeContext,
  { target, hook: name, token }: { target: Target; hook: HookName; token: string },
): Promise<PlannedChange<RunHookChange> | Declined> {
  const hook = context.settings.hooks[name];
  if (!hook) return { declined: `no hook is configured (healing.hooks.${name})` };
  const object = await context.client.get<KubernetesObject>(pathOf(target));
  const unfit = unfitness(hook, target, object);
  if (unfit) return { declined: unfit };
  const machine = hook.type === 'machine' ? await findMachine(context, hook, object) : undefined;
  if (machine && 'declined' in machine) return machine;
  const change: RunHookChange = {
    kind: 'run-hook',
    target,
    uid: object.metadata?.uid ?? '',
    hook: name,
    definition: definitionOf(hook),
    key: sha256(`${name} ${token}`).slice(0, 16),
    machine,
  };
  return {
    change,
    summary: `run the hook ${name}: ${describeHook(hook)}`,
    undoSummary: 'nothing: a hook cannot be taken back',
    digest: changeDigest(change),
    ...(hook.approval && { needsApproval: `healing.hooks.${name} wants an approval` }),
  };
}

/** Why a hook would be in vain. */
function unfitness(hook: Hook, { kind }: Target, object: KubernetesObject): string | undefined {
  if (hook.type === 'command') return undefined;
  const onNode = hook.type === 'machine' || hook.placement === 'node';
  if (onNode && kind !== 'Node') return `a hook of type ${hook.type} needs a node`;
  if (hook.type === 'job' && onNode && isUnreachable(object as V1Node)) {
    return 'its kubelet does not answer, so a Job on it would never run';
  }
  return undefined;
}

async function makeRunHook(context: ChangeContext, change: RunHookChange): Promise<StepResult> {
  const { client, settings } = context;
  const object = await findObject<KubernetesObject>(client, pathOf(change.target));
  // An earlier attempt may have replaced it: the hook itself knows by its key.
  const isAnother = object && object.metadata?.uid !== change.uid;
  if (isAnother) return { result: 'superseded', detail: `${change.target.name} is another by now` };
  const hook = settings.hooks[change.hook];
  if (!hook || definitionOf(hook) !== change.definition) {
    throw refuse(`healing.hooks.${change.hook} was changed since it was planned: plan anew`);
  }
  return runHookOf(context, hook, change, object);
}

/** An approval is for the hook as it is configured now. */
function definitionOf(hook: Hook): string {
  return sha256(canonicalJson(hook));
}
