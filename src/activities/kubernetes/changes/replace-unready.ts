import { setTimeout as sleep } from 'node:timers/promises';
import type { V1DaemonSet, V1Pod } from '@kubernetes/client-node';
import type { PlannedChange, ReplaceUnreadyChange } from '../../../model/change';
import { unreadySince } from '../../../model/kubernetes/faults/containers';
import { isUnready } from '../../../model/kubernetes/faults/replicas';
import {
  isDeployment,
  isReady,
  isStatefulSet,
  type Workload,
  wantedReplicas,
} from '../../../model/kubernetes/objects';
import type { Declined, StepResult } from '../../../model/procedure';
import { formatTarget } from '../../../model/target';
import type { KubernetesClient } from '../client';
import { changeDigest } from '../hash';
import { findObject, listPods, needWorkload, pathOf } from '../resources';
import type { ChangeContext, ChangeOfKind } from './kind';
import { refTo, removePod } from './pods';

const mostPods = 20;
const lookEveryMs = 1_000;
/** How long the pods that replace others have to get ready. */
const readyWithinMs = 2 * 60_000;

/**
 * Deletes the pods of a StatefulSet or DaemonSet that stay unready, some at a time; its controller makes
 * them anew. The next ones go only once the new ones are ready.
 */
export const replaceUnready: ChangeOfKind<'replace-unready'> = {
  plan: (context, { target }) => planReplacement(context, target),
  make: ({ client }, change) => replaceAll(client, change),
  revert: async (_context, { target }) => ({
    result: 'already',
    detail: `${formatTarget(target)} made its pods anew from its own template`,
  }),
};

async function planReplacement(
  { client, detection }: ChangeContext,
  target: ReplaceUnreadyChange['target'],
): Promise<PlannedChange<ReplaceUnreadyChange> | Declined> {
  const workload = await needWorkload(client, target);
  if (isDeployment(workload)) return { declined: 'a Deployment replaces its pods by itself' };
  const unready = (await listPods(client, workload)).filter(isUnready);
  const latest = Date.now() - detection.unreadyDeadlineMs;
  const stuck = unready.filter((pod) => Date.parse(unreadySince(pod)) <= latest);
  if (stuck.length === 0) return { declined: 'none of its pods is unready for long enough' };
  if (isStatefulSet(workload) && !isMinority(unready.length, wantedReplicas(workload))) {
    const counts = `${unready.length} of ${wantedReplicas(workload)}`;
    return {
      declined: `${counts} pods are unready, which is no minority: a quorum may be at stake`,
    };
  }
  const pods = stuck.slice(0, mostPods).map(refTo);
  const change: ReplaceUnreadyChange = {
    kind: 'replace-unready',
    target,
    uid: workload.metadata?.uid ?? '',
    pods,
    atOnce: isStatefulSet(workload) ? 1 : maxUnavailable(workload as V1DaemonSet),
  };
  return {
    change,
    summary: `delete the unready pods ${namesOf(pods)}, ${change.atOnce} at a time`,
    undoSummary: 'nothing: the pods are made anew from the same template',
    digest: changeDigest(change),
  };
}

/** A set of one has no quorum to lose. */
function isMinority(unready: number, replicas: number): boolean {
  return replicas <= 1 || unready * 2 < replicas;
}

/** How many pods a DaemonSet lets be away at once; a share is rounded up, as its controller does. */
export function maxUnavailable({ spec, status }: V1DaemonSet): number {
  const setting = String(spec?.updateStrategy?.rollingUpdate?.maxUnavailable ?? 1);
  const desired = status?.desiredNumberScheduled ?? 1;
  const count = setting.endsWith('%')
    ? Math.ceil((Number.parseInt(setting, 10) / 100) * desired)
    : Number(setting);
  return Math.max(1, count);
}

async function replaceAll(
  client: KubernetesClient,
  change: ReplaceUnreadyChange,
): Promise<StepResult> {
  const name = formatTarget(change.target);
  const deleted = new Set<string>();
  let deadline = Date.now() + readyWithinMs;
  for (;;) {
    const workload = await findObject<Workload>(client, pathOf(change.target));
    if (workload?.metadata?.uid !== change.uid) {
      return { result: 'gone', detail: `${name} no longer exists` };
    }
    const pods = await listPods(client, workload);
    const left = pods.filter((pod) => isUnready(pod) && isPlanned(pod, change));
    const away = wantedReplicas(workload) - pods.filter(isReady).length - left.length;
    if (left.length === 0) return resultOf(change, deleted);
    const next = left.slice(0, Math.max(0, change.atOnce - Math.max(0, away)));
    if (next.length > 0) deadline = Date.now() + readyWithinMs;
    for (const ref of next.map(refTo)) {
      await removePod(client, change.target, ref);
      deleted.add(ref.name);
    }
    if (Date.now() >= deadline) return resultOf(change, deleted, left);
    await sleep(lookEveryMs);
  }
}

const isPlanned = ({ metadata }: V1Pod, { pods }: ReplaceUnreadyChange) =>
  pods.some(({ uid }) => uid === metadata?.uid);

function resultOf(
  { target, pods }: ReplaceUnreadyChange,
  deleted: Set<string>,
  left: V1Pod[] = [],
): StepResult {
  const kept =
    left.length > 0
      ? `; ${namesOf(left.map(refTo))} stayed, since those before did not get ready`
      : '';
  const done = namesOf(pods.filter(({ name }) => left.every((pod) => pod.metadata?.name !== name)));
  return {
    result: deleted.size > 0 ? 'changed' : 'already',
    detail: `${formatTarget(target)} has made ${done} anew${kept}`,
  };
}

const namesOf = (pods: { name: string }[]) => pods.map(({ name }) => name).join(', ');
