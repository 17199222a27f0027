import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { KubernetesActivities } from '../../activities/kubernetes';

const patient = { initialInterval: '200ms', maximumInterval: '10s' } as const;

/** Looks and plans: without effect, so they may be cancelled and repeated at will. */
export const { diagnose, planRollback, planRestart, planReplacePod } =
  proxyActivities<KubernetesActivities>({
    startToCloseTimeout: '20s',
    scheduleToCloseTimeout: '1h',
    // A dead worker is noticed by its missing heartbeats, long before the time-out.
    heartbeatTimeout: '3s',
    retry: patient,
  });

/** Evidence is worth a wait, but not a healing. */
export const { snapshot } = proxyActivities<KubernetesActivities>({
  startToCloseTimeout: '20s',
  scheduleToCloseTimeout: '30s',
  heartbeatTimeout: '3s',
  retry: patient,
});

/** Changes: every attempt looks first, so that a repeated one has no second effect. */
export const { makeChange, revertChange } = proxyActivities<KubernetesActivities>({
  startToCloseTimeout: '2m',
  scheduleToCloseTimeout: '1h',
  heartbeatTimeout: '3s',
  retry: patient,
});

/** A watch that lasts as long as the verification may. */
export const awaitHealthy: KubernetesActivities['awaitHealthy'] = (input) =>
  proxyActivities<KubernetesActivities>({
    startToCloseTimeout: input.timeoutMs + 60_000,
    heartbeatTimeout: '5s',
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: patient,
  }).awaitHealthy(input);
