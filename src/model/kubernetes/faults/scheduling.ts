import type { V1Node, V1Pod } from '@kubernetes/client-node';
import type { DetectionSettings, Finding } from '../../healing';
import { conditionOf, isFinished, isoAfter, isoOf, isTerminating } from '../objects';
import { heldByMark } from '../owners';

/** Whether no node takes a pod, in the scheduler's own words; nodes may still be added within `schedulingDeadlineMs`. */
export function isUnschedulable(
  pod: V1Pod,
  { schedulingDeadlineMs }: DetectionSettings,
): Finding | undefined {
  const condition = unschedulable(pod);
  const since =
    condition && (isoOf(condition.lastTransitionTime) ?? isoOf(pod.metadata?.creationTimestamp));
  if (!since) return undefined;
  return { since, due: isoAfter(since, schedulingDeadlineMs), message: condition.message ?? '' };
}

/** The scheduler's condition of a pod that no node takes. */
export function unschedulable(pod: V1Pod) {
  if (isTerminating(pod) || isFinished(pod)) return undefined;
  const condition = conditionOf(pod, 'PodScheduled');
  const isRefused = condition?.status === 'False' && condition.reason === 'Unschedulable';
  return isRefused ? condition : undefined;
}

/** The procedure that cordoned a node, by its mark; undefined for a node that is not cordoned, or by others. */
export function cordonedBy({ metadata, spec }: V1Node): string | undefined {
  return spec?.unschedulable ? metadata?.annotations?.[heldByMark] : undefined;
}
