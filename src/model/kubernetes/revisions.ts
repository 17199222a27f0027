import type { V1ControllerRevision, V1Pod, V1ReplicaSet } from '@kubernetes/client-node';
import type { Revision } from '../healing';
import { hasSteadyPods, isSteady } from './availability';
import {
  isDeployment,
  isObserved,
  isoOf,
  kindOf,
  millisOf,
  type PodTemplate,
  templateChangedAt,
  type Workload,
} from './objects';
import { availableMark, controllerOf, faultyMark } from './owners';
import { sameTemplate } from './template';

/** What keeps an earlier pod template: a Deployment's ReplicaSet, the others' ControllerRevision. */
export type RevisionObject = V1ReplicaSet | V1ControllerRevision;

const revisionAnnotation = 'deployment.kubernetes.io/revision';
const historyAnnotation = 'deployment.kubernetes.io/revision-history';

/** Labels by which pods tell their revision. */
const hashLabels = ['pod-template-hash', 'controller-revision-hash'] as const;

/** Those of the objects that the workload controls, newest first. */
export function revisionsOf(workload: Workload, objects: RevisionObject[]): RevisionObject[] {
  return objects
    .filter((object) => controllerOf(object)?.uid === workload.metadata?.uid)
    .sort((one, other) => numberOf(other) - numberOf(one));
}

/** The pod template that a revision keeps. */
export function templateOf(object: RevisionObject): PodTemplate | undefined {
  if ('data' in object) {
    return (object.data as { spec?: { template?: PodTemplate } } | undefined)?.spec?.template;
  }
  return (object as V1ReplicaSet).spec?.template;
}

/** The revision that keeps the workload's template as it is now; undefined before the controller made it. */
export function currentOf(
  workload: Workload,
  revisions: RevisionObject[],
): RevisionObject | undefined {
  const template = workload.spec?.template;
  return revisions.find((revision) => sameTemplate(templateOf(revision), template));
}

/** What tells a revision from its siblings; a mark speaks for the revision with the same hash only. */
export function hashOf(object: RevisionObject): string {
  const labels = object.metadata?.labels ?? {};
  return hashLabels.map((label) => labels[label]).find(Boolean) ?? object.metadata?.name ?? '';
}

/** Whether a pod is of a revision. StatefulSets label pods with the revision's name, the others with its hash. */
export function isOfRevision(pod: V1Pod, object: RevisionObject): boolean {
  const labels = pod.metadata?.labels ?? {};
  return hashLabels
    .flatMap((label) => labels[label] ?? [])
    .some((hash) => hash === hashOf(object) || hash === object.metadata?.name);
}

/**
 * The workload's revisions, newest first.
 * @param objects ReplicaSets or ControllerRevisions; those of other workloads are left out.
 * @param pods pods of the workload; a replica counts as available once it is steady.
 * @param now milliseconds since the epoch.
 */
export function toRevisions(
  workload: Workload,
  objects: RevisionObject[],
  pods: V1Pod[],
  now: number,
): Revision[] {
  const own = revisionsOf(workload, objects);
  const current = currentOf(workload, own);
  return own.map((object) => ({
    name: object.metadata?.name ?? '',
    number: numberOf(object),
    createdAt: isoOf(object.metadata?.creationTimestamp) ?? new Date(0).toISOString(),
    current: object === current,
    availableReplicas: pods.filter((pod) => isOfRevision(pod, object) && isSteady(pod, now)).length,
    ...marksOf(object),
  }));
}

/** When the current template was rolled out: a ReplicaSet that was gone back to is older than that. */
export function rolledOutAt(workload: Workload, revisions: RevisionObject[]): string | undefined {
  const current = currentOf(workload, revisions);
  const isNew =
    isDeployment(workload) &&
    isObserved(workload) &&
    current?.metadata?.annotations?.[historyAnnotation] === undefined;
  const createdAt = isoOf(current?.metadata?.creationTimestamp);
  return isNew && createdAt ? createdAt : (templateChangedAt(workload) ?? createdAt);
}

function numberOf(object: RevisionObject): number {
  if ('revision' in object) return Number(object.revision);
  return Number(object.metadata?.annotations?.[revisionAnnotation] ?? 0);
}

/** The detector's marks on a revision. A mark that was copied from another revision counts for nothing. */
export function marksOf(object: RevisionObject): Pick<Revision, 'availableAt' | 'faultyAt'> {
  const availableAt = readMark(object, availableMark);
  const faultyAt = readMark(object, faultyMark);
  return { ...(availableAt && { availableAt }), ...(faultyAt && { faultyAt }) };
}

function readMark(object: RevisionObject, mark: string): string | undefined {
  const [hash, time] = object.metadata?.annotations?.[mark]?.split(' ') ?? [];
  return hash === hashOf(object) && millisOf(time) !== undefined ? time : undefined;
}

/**
 * The annotation that marks a revision.
 * @param at RFC 3339.
 */
export function markFor(
  object: RevisionObject,
  mark: typeof availableMark | typeof faultyMark,
  at: string,
): Record<string, string> {
  return { [mark]: `${hashOf(object)} ${at}` };
}

/** Whether a revision deserves the mark of one that works: it is current, wholly available, and steady. */
export function deservesAvailableMark(
  workload: Workload,
  revision: RevisionObject,
  pods: V1Pod[],
  now: number,
): boolean {
  return (
    sameTemplate(templateOf(revision), workload.spec?.template) &&
    hasSteadyPods(
      workload,
      pods.filter((pod) => isOfRevision(pod, revision)),
      now,
    )
  );
}

/** The kind of a workload's revisions. */
export function revisionKind(workload: Workload): 'ReplicaSet' | 'ControllerRevision' {
  return kindOf(workload) === 'Deployment' ? 'ReplicaSet' : 'ControllerRevision';
}
