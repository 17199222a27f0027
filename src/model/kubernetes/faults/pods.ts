import type { V1Pod } from '@kubernetes/client-node';
import type { DetectionSettings, Finding } from '../../healing';
import { isMirror, isoOf, isTerminating } from '../objects';
import { controllerOf } from '../owners';

/** Whether a pod is still there long after it should have ended. */
export function isStuckTerminating(
  pod: V1Pod,
  { terminatingDeadlineMs }: DetectionSettings,
): Finding | undefined {
  // The API server adds the grace period when it sets this time.
  const since = isoOf(pod.metadata?.deletionTimestamp);
  if (!since || isMirror(pod)) return undefined;
  const due = new Date(Date.parse(since) + terminatingDeadlineMs).toISOString();
  return { since, due, message: `it should have ended by ${since}${held(pod)}` };
}

function held({ metadata }: V1Pod): string {
  const finalizers = metadata?.finalizers ?? [];
  return finalizers.length > 0 ? `; finalizers: ${finalizers.join(', ')}` : '';
}

/** Whether the kubelet has said that the containers of a pod that is being deleted have ended. */
export function hasEnded({ metadata }: V1Pod): boolean {
  return metadata?.deletionGracePeriodSeconds === 0;
}

/** Whether the kubelet threw a pod out to spare its node, and its remains are nobody's to remove. */
export function isEvicted(pod: V1Pod): boolean {
  const { phase, reason } = pod.status ?? {};
  if (phase !== 'Failed' || reason !== 'Evicted' || isTerminating(pod)) return false;
  // Jobs count their failed pods; StatefulSets and DaemonSets remove theirs; a bare pod is all there is.
  return controllerOf(pod)?.kind === 'ReplicaSet';
}

/** Whether an evicted pod is one of too many of the same owner. */
export function isEvictedAmongMany(
  pod: V1Pod,
  { evictedPods }: DetectionSettings,
  around: { pods: () => V1Pod[] },
): Finding | undefined {
  if (!isEvicted(pod)) return undefined;
  const count = around.pods().filter(isEvicted).length;
  if (count < evictedPods) return undefined;
  const since = isoOf(pod.status?.startTime) ?? isoOf(pod.metadata?.creationTimestamp);
  if (!since) return undefined;
  return { since, due: since, message: `${count} evicted pods: ${pod.status?.message ?? ''}` };
}
