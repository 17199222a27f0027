import type { V1Node, V1NodeCondition, V1Pod } from '@kubernetes/client-node';
import { isFinished, isMirror, isTerminating, millisOf } from './objects';
import { controllerOf, heldByMark } from './owners';

export function nodeCondition(node: V1Node, type: string): V1NodeCondition | undefined {
  return node.status?.conditions?.find((condition) => condition.type === type);
}

export function isNodeReady(node: V1Node): boolean {
  return nodeCondition(node, 'Ready')?.status === 'True';
}

/** Whether its kubelet has fallen silent, so that nothing on it does what the API says. */
export function isUnreachable(node: V1Node): boolean {
  return nodeCondition(node, 'Ready')?.status === 'Unknown';
}

/**
 * Whether somebody uncordoned it while a procedure held it cordoned: a veto.
 * @param procedure its workflow id; that of any procedure where left out.
 */
export function wasUncordoned(node: V1Node, procedure?: string): boolean {
  const heldBy = node.metadata?.annotations?.[heldByMark];
  const held = procedure === undefined ? heldBy !== undefined : heldBy === procedure;
  return held && !node.spec?.unschedulable;
}

/** Whether a drain moves it: not what a DaemonSet or the kubelet's own files would bring back on the same node. */
export function isMovable(pod: V1Pod): boolean {
  return controllerOf(pod)?.kind !== 'DaemonSet' && !isMirror(pod) && !isFinished(pod);
}

/** A kubelet that is alive ends a pod this long after its grace period at the latest. */
const overdueMs = 30_000;

/**
 * Whether an evicted pod counts as moved though it is still there: no kubelet will end it on a node
 * that is out of reach, nor within its time on one that is not Ready.
 * @param now milliseconds since the epoch.
 */
export function isGivenUp(pod: V1Pod, node: V1Node, now: number): boolean {
  if (!isTerminating(pod) || isNodeReady(node)) return false;
  const endsAt = millisOf(pod.metadata?.deletionTimestamp) ?? now;
  return isUnreachable(node) || now - endsAt > overdueMs;
}
