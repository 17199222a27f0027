/** What a procedure is about: the top owner, never a replica. */
export interface Target {
  cluster: string;
  kind: string;
  /** Absent for cluster-scoped kinds. */
  namespace?: string;
  name: string;
}

/** `<cluster>:<namespace>:<Kind>:<name>`, with `_` for no namespace; the key of leases and incidents. */
export function targetKey(target: Target): string {
  return [target.cluster, target.namespace ?? '_', target.kind, target.name].join(':');
}

/** The id of the one healing procedure that an incident may have at a time. */
export function healWorkflowId(target: Target, symptom: string): string {
  return `heal:${targetKey(target)}:${symptom}`;
}

/** The id of a cluster's governor. */
export function governorWorkflowId(cluster: string): string {
  return `governor:${cluster}`;
}

/** The id of a cluster's notifier. */
export function notifierWorkflowId(cluster: string): string {
  return `notifier:${cluster}`;
}

/** The id of the workflow that lists a cluster's unmatched alerts. */
export function unmatchedWorkflowId(cluster: string): string {
  return `unmatched:${cluster}`;
}

/** `shop/Deployment/web`, for people. */
export function formatTarget(target: Pick<Target, 'kind' | 'namespace' | 'name'>): string {
  return [target.namespace, target.kind, target.name].filter(Boolean).join('/');
}

/** A host that images are pulled from; Kubernetes has no object of it. */
export const registryKind = 'Registry';

/** Kinds whose pod template a procedure may change. */
export const workloadKinds = ['Deployment', 'StatefulSet', 'DaemonSet'] as const;

export type WorkloadKind = (typeof workloadKinds)[number];

export function isWorkloadKind(kind: string): kind is WorkloadKind {
  return (workloadKinds as readonly string[]).includes(kind);
}

/** Whether something that came from outside is a target. */
export function isTarget(value: unknown): value is Target {
  if (typeof value !== 'object' || value === null) return false;
  const { cluster, kind, name, namespace } = value as Record<string, unknown>;
  const named = [cluster, kind, name].every((text) => typeof text === 'string' && text !== '');
  return named && (namespace === undefined || typeof namespace === 'string');
}
