import type { HookName, Hooks } from './hooks';
import type { Planned } from './procedure';
import type { Target } from './target';

/** What every change names: its kind, what it is about, and which object exactly. */
interface ChangeOf<K extends string> {
  kind: K;
  target: Target;
  uid: string;
}

/** Back to the template of an earlier revision; refers to revisions, since templates may hold secrets. */
export interface RollbackChange extends ChangeOf<'rollback'> {
  /** Revision name and SHA-256 of its normalised template. */
  from: { revision: string; templateHash: string };
  to: { revision: string; templateHash: string };
}

/** A rolling restart, by the annotation that kubectl uses; the token makes it observable. */
export interface RestartChange extends ChangeOf<'restart'> {
  from: { revision: string; templateHash: string };
  token: string;
  /** The annotation's earlier value, put back by the undo. */
  previousRestartedAt?: string;
  /** The token of an earlier restart by Homeostat, put back likewise. */
  previousToken?: string;
  restartedAt: string;
}

/** A bare pod made anew from its own manifest. */
export interface ReplacePodChange extends ChangeOf<'replace-pod'> {
  /** JSON of the pod to create, without what the API server or a node filled in. */
  manifest: string;
}

/** A failed Job made anew from its own manifest; it may be one of a CronJob's, which is the target then. */
export interface RecreateJobChange extends ChangeOf<'recreate-job'> {
  job: string;
  /** JSON of the Job to create, without what the API server or a controller filled in. */
  manifest: string;
}

/** A field of an object and its two values; an absent value is an absent field. */
export interface FieldChange {
  /** JSON pointer (RFC 6901). */
  path: string;
  from?: unknown;
  to?: unknown;
}

/** Some fields of one object, set and put back together. */
export interface FieldsChange<K extends string> extends ChangeOf<K> {
  fields: FieldChange[];
  /** Workflow id in the mark `homeostat.dev/held-by`, for what holds only for the procedure's time. */
  heldBy?: string;
}

/** One very pod. */
export interface PodRef {
  name: string;
  uid: string;
  /** Those that are to be removed, where that is the change. */
  finalizers?: string[];
}

/** Something that is done to some pods of the target, at most 100, and cannot be undone. */
export interface PodsChange<K extends string> extends ChangeOf<K> {
  pods: PodRef[];
}

/** Moves a node's pods elsewhere, by the Eviction API. */
export interface DrainChange extends ChangeOf<'drain'> {
  /** Uids of the pods whose loss was named in the plan; any other of their kind stops the drain. */
  named: string[];
}

/** Evicts some pods of a node, by the Eviction API. */
export interface EvictPodsChange extends ChangeOf<'evict-pods'> {
  /** `shop/web-abc` and uid of each. */
  pods: { name: string; uid: string }[];
}

/** The taint that has the pods and volumes of a node moved, once a hook has proved that it is without power. */
export interface OutOfServiceChange extends ChangeOf<'out-of-service'> {
  /** The run of the hook that proves it. */
  fence: RunHookChange;
}

/** A Cluster API Machine, which its MachineSet makes anew when it is deleted. */
export interface MachineReference {
  namespace: string;
  name: string;
  uid: string;
  machineSet: string;
}

/** Runs a hook that the user has configured. */
export interface RunHookChange extends ChangeOf<'run-hook'> {
  hook: HookName;
  /** SHA-256 of the hook's configuration, so that what runs is what was planned. */
  definition: string;
  /** The same for every attempt, so that a hook can tell a repeated call from a new one. */
  key: string;
  /** Set for hooks of the type machine. */
  machine?: MachineReference;
}

/** How pods are moved off a node. */
export interface DrainSettings {
  timeoutMs: number;
  /** Whether pods that no controller would make anew go by themselves, or with a person's approval. */
  unmanagedPods: 'evict' | 'approve';
  /** The same for pods whose emptyDir volumes would be lost. */
  emptyDir: 'evict' | 'approve';
}

/** How much may be changed, and how much at once. */
export interface HealingLimits {
  /** Pods that are evicted at once from a node under pressure. */
  evictAtOnce: number;
  /** By how many percent a memory limit is raised. */
  memoryStep: number;
  /** The largest memory limit that a container may be raised to, as Kubernetes writes it: `4Gi`. */
  memoryMax: string;
  /** By how many percent an autoscaler's maximum is raised. */
  replicasStep: number;
  /** The largest maximum that an autoscaler may be raised to. */
  replicasMax: number;
}

/** What the configuration says of how changes are made. */
export interface ChangeSettings {
  drain: DrainSettings;
  hooks: Hooks;
  limits: HealingLimits;
}

export const defaultChangeSettings: ChangeSettings = {
  drain: { timeoutMs: 10 * 60_000, unmanagedPods: 'approve', emptyDir: 'evict' },
  hooks: {},
  limits: { evictAtOnce: 3, memoryStep: 25, memoryMax: '4Gi', replicasStep: 20, replicasMax: 50 },
};

/** A container's memory limit and the one that it gets, as Kubernetes writes them. */
export interface RaisedMemory {
  container: string;
  from: string;
  to: string;
}

/** More memory for containers of a workload's template. */
export interface RaiseMemoryChange extends ChangeOf<'raise-memory'> {
  raised: RaisedMemory[];
}

/** Pods of a StatefulSet or DaemonSet that are deleted, for their controller to make anew. */
export interface ReplaceUnreadyChange extends PodsChange<'replace-unready'> {
  /** How many may be away at the same time. */
  atOnce: number;
}

/** Every kind of change: what is asked for beside kind and target, and what is planned from it. */
export interface ChangeKinds {
  rollback: { request: { revision: string }; change: RollbackChange };
  restart: { request: { token: string }; change: RestartChange };
  'replace-pod': { request: object; change: ReplacePodChange };
  'recreate-job': { request: object; change: RecreateJobChange };
  'replace-unready': { request: object; change: ReplaceUnreadyChange };
  uncordon: { request: object; change: FieldsChange<'uncordon'> };
  'raise-max-replicas': { request: object; change: FieldsChange<'raise-max-replicas'> };
  'raise-memory': { request: object; change: RaiseMemoryChange };
  cordon: { request: object; change: FieldsChange<'cordon'> };
  'add-replica': { request: object; change: FieldsChange<'add-replica'> };
  'pause-gitops': { request: object; change: FieldsChange<'pause-gitops'> };
  'relax-budget': { request: object; change: FieldsChange<'relax-budget'> };
  'force-delete': { request: object; change: PodsChange<'force-delete'> };
  'remove-finalizers': { request: object; change: PodsChange<'remove-finalizers'> };
  'collect-evicted': { request: object; change: PodsChange<'collect-evicted'> };
  drain: { request: object; change: DrainChange };
  'evict-pods': { request: object; change: EvictPodsChange };
  'out-of-service': { request: { token: string }; change: OutOfServiceChange };
  'run-hook': { request: { hook: HookName; token: string }; change: RunHookChange };
}

export type ChangeKind = keyof ChangeKinds;

/** Kinds of change that set fields of one object. */
export type FieldsChangeKind = {
  [K in ChangeKind]: ChangeKinds[K]['change'] extends FieldsChange<K> ? K : never;
}[ChangeKind];

/** Kinds of change that end pods. */
export type PodsChangeKind = {
  [K in ChangeKind]: ChangeKinds[K]['change'] extends PodsChange<K> ? K : never;
}[ChangeKind];

export type Change = ChangeKinds[ChangeKind]['change'];

/** What a rung asks to be worked out. */
export type ChangeRequest<K extends ChangeKind = ChangeKind> = {
  [Name in K]: { kind: Name; target: Target } & ChangeKinds[Name]['request'];
}[K];

/** A change that was worked out but not made. */
export type PlannedChange<C extends Change = Change> = Planned<C>;
