import type { GitOpsOwner } from './kubernetes/gitops';

/** A revision of a workload's pod template: a ReplicaSet, or a ControllerRevision. */
export interface Revision {
  /** Name of the ReplicaSet or ControllerRevision. */
  name: string;
  number: number;
  createdAt: string;
  current: boolean;
  /** Replicas of it that are available at this moment. */
  availableReplicas: number;
  /** When it was last seen wholly available, by the mark that the detector leaves. */
  availableAt?: string;
  /** When it was last seen failing, by the mark that the detector leaves. */
  faultyAt?: string;
}

/**
 * `pending` may still become healthy by itself, and so may `overdue`, which has missed its own deadline:
 * Kubernetes goes on trying. `failing` will not.
 */
export type HealthState = 'healthy' | 'pending' | 'overdue' | 'failing';

export interface Health {
  state: HealthState;
  why: string;
}

export interface PodSummary {
  name: string;
  node?: string;
  phase: string;
  ready: boolean;
  restarts: number;
  /** The container's waiting or terminated reason, where there is one. */
  reason?: string;
  exitCode?: number;
}

/** What a look at the target found; small, since it goes into the history. */
export interface Diagnosis {
  /** How many attempts of the activity it took. */
  attempts?: number;
  exists: boolean;
  uid?: string;
  /** Marked `homeostat.dev/ignore: "true"`, itself or its namespace. */
  ignored: boolean;
  /** Marked `homeostat.dev/protected: "true"`, itself or its namespace. */
  protected: boolean;
  /** Its rollout is paused by someone. */
  paused: boolean;
  /** Somebody took back what this procedure had changed, which ends it. */
  vetoed?: string;
  health: Health;
  /** Who applies it from Git, if anybody. */
  managedBy?: GitOpsOwner;
  /** RFC 3339: the first failure of the pods that now fail. */
  faultSince?: string;
  /** When the current template was rolled out, as far as the API tells. */
  rolledOutAt?: string;
  /** Newest first, at most 10. */
  revisions: Revision[];
  /** At most 20, failing ones first. */
  pods: PodSummary[];
}

/** Whether a revision once worked and did not fail since. */
export function wasGood(revision: Revision): boolean {
  const { availableAt, faultyAt } = revision;
  if (availableAt) return !faultyAt || Date.parse(availableAt) > Date.parse(faultyAt);
  return revision.availableReplicas > 0 && !faultyAt;
}

export function currentRevision(diagnosis: Diagnosis): Revision | undefined {
  return diagnosis.revisions.find((revision) => revision.current);
}

/** The newest earlier revision that was Available: not blindly the previous one, which may be as broken. */
export function lastGoodRevision(diagnosis: Diagnosis): Revision | undefined {
  return diagnosis.revisions.find((revision) => !revision.current && wasGood(revision));
}

/** Whether the current revision ever was Available, so that restarting it may help. */
export function hasWorked(diagnosis: Diagnosis): boolean {
  const current = currentRevision(diagnosis);
  return current !== undefined && current.availableAt !== undefined;
}

/** The API's times are whole seconds, and come from the clocks of several machines. */
const clockGrainMs = 5_000;

/** Whether the fault came with a rollout: the revision never worked, or broke within the window after it. */
export function followsRollout(diagnosis: Diagnosis, windowMs: number): boolean {
  if (!hasWorked(diagnosis)) return true;
  const { faultSince, rolledOutAt } = diagnosis;
  if (!faultSince || !rolledOutAt) return false;
  const after = Date.parse(faultSince) - Date.parse(rolledOutAt);
  return after >= -clockGrainMs && after <= windowMs;
}

export interface Verification {
  state: 'healthy' | 'failing' | 'timed-out' | 'gone';
  why: string;
  /** RFC 3339: since when it has been healthy without a break. */
  healthyAt?: string;
  /** RFC 3339: when the soak was over. */
  verifiedAt?: string;
  /** How many attempts of the activity it took. */
  attempts?: number;
  /** Hash of the live template at the end, so that the caller sees whether it is still its own change. */
  templateHash?: string;
}

/** Health checks by name, so that a workflow can name one to an activity. */
export const healthCheckNames = [
  'available-without-restarts',
  'images-pulled',
  'none-terminating',
  'none-evicted',
  'node-ready',
  'node-without-problem',
  'node-without-pressure',
  'pods-moved',
  'job-completed',
  'no-drain-waits',
  'pods-scheduled',
  'below-maximum',
] as const;

export type HealthCheckName = (typeof healthCheckNames)[number];

/** Something a detecting predicate saw on an object. */
export interface Finding {
  /** RFC 3339: since when. */
  since: string;
  /** RFC 3339: from when on it counts as broken; in the future while it may still come right by itself. */
  due: string;
  message: string;
}

/** Deadlines and thresholds of detection; times in milliseconds. */
export interface DetectionSettings {
  /** StatefulSets and DaemonSets have no progress deadline of their own; this is theirs. */
  rolloutDeadlineMs: number;
  /** How long a container may wait for its image or its configuration, both of which are tried for again. */
  waitingDeadlineMs: number;
  /** How long a pod of a StatefulSet or DaemonSet may be unready. */
  unreadyDeadlineMs: number;
  /** How long a pod may find no node. */
  schedulingDeadlineMs: number;
  /** How long an autoscaler may want more replicas than it may have. */
  autoscalerDeadlineMs: number;
  /** How long after its grace period a pod may go on terminating. */
  terminatingDeadlineMs: number;
  /** How long a disruption budget that is too strict may hold up a drain. */
  drainDeadlineMs: number;
  /** How many evicted pods of one owner are too many. */
  evictedPods: number;
  /** How long a node may be not Ready, or have a problem. */
  nodeDeadlineMs: number;
  /** How long a node may be short of disk, memory or process ids; its kubelet evicts by itself first. */
  pressureDeadlineMs: number;
  /** Conditions of nodes that are a problem when they are True, as node-problem-detector sets them. */
  nodeConditions: readonly string[];
  /** A node that lost its Ready so often within the window flaps. */
  flaps: number;
  flapWindowMs: number;
}

export const defaultDetectionSettings: DetectionSettings = {
  rolloutDeadlineMs: 10 * 60_000,
  waitingDeadlineMs: 10_000,
  unreadyDeadlineMs: 5 * 60_000,
  schedulingDeadlineMs: 5 * 60_000,
  autoscalerDeadlineMs: 5 * 60_000,
  terminatingDeadlineMs: 5 * 60_000,
  drainDeadlineMs: 5 * 60_000,
  evictedPods: 10,
  nodeDeadlineMs: 60_000,
  pressureDeadlineMs: 5 * 60_000,
  nodeConditions: ['KernelDeadlock', 'ReadonlyFilesystem'],
  flaps: 3,
  flapWindowMs: 15 * 60_000,
};
