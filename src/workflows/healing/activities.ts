import type { Duration } from '@temporalio/common';
import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { KubernetesActivities } from '../../activities/kubernetes';
import type { Change, ChangeKind } from '../../model/change';

const patient = { initialInterval: '200ms', maximumInterval: '10s' } as const;

/** Looks and plans: without effect, so they may be cancelled and repeated at will. */
export const { diagnose, planChange } = proxyActivities<KubernetesActivities>({
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

/** How long one attempt at a change may take, where it is longer than for most. */
const lasting: Partial<Record<ChangeKind, Duration>> = {};

/** Changes: every attempt looks first, so that a repeated one has no second effect. */
const changes = (kind: ChangeKind) =>
  proxyActivities<KubernetesActivities>({
    startToCloseTimeout: lasting[kind] ?? '2m',
    scheduleToCloseTimeout: '1h',
    heartbeatTimeout: '3s',
    retry: patient,
  });

export const makeChange = (change: Change) => changes(change.kind).makeChange(change);
export const revertChange = (change: Change) => changes(change.kind).revertChange(change);

/** A watch that lasts as long as the verification may. */
export const awaitHealthy: KubernetesActivities['awaitHealthy'] = (input) =>
  proxyActivities<KubernetesActivities>({
    startToCloseTimeout: input.timeoutMs + 60_000,
    heartbeatTimeout: '5s',
    cancellationType: ActivityCancellationType.TRY_CANCEL,
    retry: patient,
  }).awaitHealthy(input);
