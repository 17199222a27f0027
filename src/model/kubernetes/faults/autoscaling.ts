import type { V2HorizontalPodAutoscaler } from '@kubernetes/client-node';
import type { DetectionSettings, Finding } from '../../healing';
import { isoAfter, isoOf, isTerminating } from '../objects';

/** Whether an autoscaler wants more replicas than it may have, and has wanted them for `autoscalerDeadlineMs`. */
export function isMaxedOut(
  autoscaler: V2HorizontalPodAutoscaler,
  { autoscalerDeadlineMs }: DetectionSettings,
): Finding | undefined {
  const limited = wantsMore(autoscaler);
  const since = isoOf(limited?.lastTransitionTime);
  if (!limited || !since) return undefined;
  return { since, due: isoAfter(since, autoscalerDeadlineMs), message: limited.message ?? '' };
}

/** The autoscaler's own condition that it wants more replicas than its maximum. */
export function wantsMore(autoscaler: V2HorizontalPodAutoscaler) {
  if (isTerminating(autoscaler)) return undefined;
  return autoscaler.status?.conditions?.find(
    ({ type, status, reason }) =>
      type === 'ScalingLimited' && status === 'True' && reason === 'TooManyReplicas',
  );
}
