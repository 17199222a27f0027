import type {
  V1DaemonSet,
  V1Deployment,
  V1ObjectMeta,
  V1Pod,
  V1PodCondition,
  V1PodTemplateSpec,
  V1StatefulSet,
} from '@kubernetes/client-node';
import type { WorkloadKind } from '../target';

/** A controller's object whose pod template a procedure may change. */
export type Workload = V1Deployment | V1StatefulSet | V1DaemonSet;

/** Anything with metadata. */
export interface Labelled {
  metadata?: V1ObjectMeta;
}

/** A time as the API writes it, or as the typed client parsed it. */
export type Time = Date | string;

/** Milliseconds since the epoch; undefined for no time or an unreadable one. */
export function millisOf(time: Time | null | undefined): number | undefined {
  if (!time) return undefined;
  const milliseconds = time instanceof Date ? time.getTime() : Date.parse(time);
  return Number.isNaN(milliseconds) ? undefined : milliseconds;
}

/** RFC 3339 in UTC; undefined for no time or an unreadable one. */
export function isoOf(time: Time | null | undefined): string | undefined {
  const milliseconds = millisOf(time);
  return milliseconds === undefined ? undefined : new Date(milliseconds).toISOString();
}

/** RFC 3339: so many milliseconds after another time. */
export function isoAfter(time: string, milliseconds: number): string {
  return new Date(Date.parse(time) + milliseconds).toISOString();
}

/** The kind by the object's shape, since the items of a list do not carry it. */
export function kindOf(workload: Workload): WorkloadKind {
  const spec = (workload.spec ?? {}) as Record<string, unknown>;
  if (workload.kind) return workload.kind as WorkloadKind;
  if (spec.strategy !== undefined) return 'Deployment';
  const isStateful = ['serviceName', 'podManagementPolicy', 'replicas'].some(
    (field) => spec[field] !== undefined,
  );
  return isStateful ? 'StatefulSet' : 'DaemonSet';
}

export function isDeployment(workload: Workload): workload is V1Deployment {
  return kindOf(workload) === 'Deployment';
}

export function isStatefulSet(workload: Workload): workload is V1StatefulSet {
  return kindOf(workload) === 'StatefulSet';
}

/** Whether its controller has seen the spec as it is now. */
export function isObserved(workload: Workload): boolean {
  return (workload.status?.observedGeneration ?? 0) >= (workload.metadata?.generation ?? 1);
}

/** Whether it leaves the replacing of pods to others. */
export function replacesOnDelete(workload: Workload): boolean {
  if (isDeployment(workload)) return false;
  return workload.spec?.updateStrategy?.type === 'OnDelete';
}

/** The lowest ordinal that a StatefulSet's rollout touches; 0 for everything else. */
export function partitionOf(workload: Workload): number {
  if (!isStatefulSet(workload)) return 0;
  return workload.spec?.updateStrategy?.rollingUpdate?.partition ?? 0;
}

/** How many pods it should have. */
export function wantedReplicas(workload: Workload): number {
  if (isDeployment(workload) || isStatefulSet(workload)) return workload.spec?.replicas ?? 1;
  return (workload as V1DaemonSet).status?.desiredNumberScheduled ?? 0;
}

/** When the spec changed last, by those who wrote to the object itself and not to its status or scale. */
export function specChangedAt(workload: Workload): string | undefined {
  return newestWrite(workload, ['f:spec']);
}

/** When the pod template changed last, as far as the field managers tell. */
export function templateChangedAt(workload: Workload): string | undefined {
  return newestWrite(workload, ['f:spec', 'f:template']);
}

/** Who wrote to the pod template last: the name of a field manager. */
export function templateChangedBy(workload: Workload): string | undefined {
  const writes = writesTo(workload, ['f:spec', 'f:template']);
  return writes.sort((a, b) => (millisOf(b.time) ?? 0) - (millisOf(a.time) ?? 0))[0]?.manager;
}

function newestWrite(object: Labelled, path: string[]): string | undefined {
  const times = writesTo(object, path).flatMap(({ time }) => millisOf(time) ?? []);
  return times.length > 0 ? new Date(Math.max(...times)).toISOString() : undefined;
}

function writesTo(object: Labelled, path: string[]) {
  const entries = object.metadata?.managedFields ?? [];
  return entries.filter((entry) => !entry.subresource && owns(entry.fieldsV1, path));
}

/** Unknown fields count as owned: a cache may have dropped them to save memory. */
function owns(fields: object | undefined, path: string[]): boolean {
  if (!fields) return true;
  return (
    path.reduce<unknown>((at, key) => (at as Record<string, unknown>)?.[key], fields) !== undefined
  );
}

export function isReady(pod: V1Pod): boolean {
  return conditionOf(pod, 'Ready')?.status === 'True';
}

export function conditionOf(pod: V1Pod, type: string): V1PodCondition | undefined {
  return pod.status?.conditions?.find((condition) => condition.type === type);
}

/** Statuses of the init containers, then of the others. */
export function containerStatuses(pod: V1Pod) {
  return [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
}

/** Restarts of all its containers. */
export function restartsOf(pod: V1Pod): number {
  return containerStatuses(pod).reduce((sum, status) => sum + (status.restartCount ?? 0), 0);
}

/** Whether it has run to its end, and is not to be started again. */
export function isFinished(pod: V1Pod): boolean {
  return pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
}

export function isTerminating(object: Labelled): boolean {
  return Boolean(object.metadata?.deletionTimestamp);
}

/** A static pod's image in the API: the kubelet's files decide about it, not the API. */
export function isMirror(pod: V1Pod): boolean {
  return pod.metadata?.annotations?.['kubernetes.io/config.mirror'] !== undefined;
}

export type PodTemplate = V1PodTemplateSpec;
