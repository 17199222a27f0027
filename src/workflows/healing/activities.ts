import type { Duration } from '@temporalio/common';
import {
  ActivityCancellationType,
  type ActivityOptions,
  proxyActivities,
  proxyLocalActivities,
} from '@temporalio/workflow';
import type { KubernetesActivities } from '../../activities/kubernetes';
import type { PrometheusActivities } from '../../activities/prometheus';
import type { Change, ChangeKind, ChangeRequest } from '../../model/change';
import { formatTarget, type Target } from '../../model/target';

const common: ActivityOptions = {
  // A dead worker is noticed by its missing heartbeats, long before the time-out.
  heartbeatTimeout: '3s',
  retry: { initialInterval: '200ms', maximumInterval: '10s' },
};

/** The activities with options of their own, and what the Temporal UI says of the one that is called. */
const activities = (what: string, target: Target, options: ActivityOptions) =>
  proxyActivities<KubernetesActivities & PrometheusActivities>({
    ...common,
    ...options,
    summary: `${what} ${formatTarget(target)}`,
  });

/** Looks and plans are without effect, so they may be cancelled and repeated at will. */
const look: ActivityOptions = { startToCloseTimeout: '20s', scheduleToCloseTimeout: '1h' };

export const diagnose: KubernetesActivities['diagnose'] = (input) =>
  activities('look at', input.target, look).diagnose(input);

export const planChange = (request: ChangeRequest) =>
  activities(`plan ${request.kind} of`, request.target, look).planChange(request);

/** Local, since every procedure begins with it, and mostly it is answered from memory. */
export const { survey } = proxyLocalActivities<KubernetesActivities>({
  startToCloseTimeout: '3s',
  retry: { maximumAttempts: 1 },
});

/** Evidence is worth a wait, but not a healing. */
export const snapshot: KubernetesActivities['snapshot'] = (input) =>
  activities(`evidence (${input.label}) of`, input.target, {
    startToCloseTimeout: '20s',
    scheduleToCloseTimeout: '30s',
  }).snapshot(input);

/** Metrics are still there later, so nothing waits for them but the procedure's end. */
export const snapshotMetrics: PrometheusActivities['snapshotMetrics'] = (input) =>
  activities(`metrics (${input.label}) of`, input.target, {
    startToCloseTimeout: '10s',
    scheduleToCloseTimeout: '20s',
  }).snapshotMetrics(input);

/** How long one attempt at a change may take, where it is longer than for most. */
const lasting: Partial<Record<ChangeKind, Duration>> = {
  drain: '1h',
  'run-hook': '1h',
  'out-of-service': '1h',
  'replace-unready': '1h',
};

const change = (kind: ChangeKind): ActivityOptions => ({
  startToCloseTimeout: lasting[kind] ?? '2m',
  scheduleToCloseTimeout: '1h',
  // An abort knows what became of the change before it takes it back.
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
});

/** Changes: every attempt looks first, so that a repeated one has no second effect. */
export const makeChange = (planned: Change) =>
  activities(planned.kind, planned.target, change(planned.kind)).makeChange(planned);

export const revertChange = (planned: Change) =>
  activities(`undo ${planned.kind} of`, planned.target, change(planned.kind)).revertChange(planned);

/** A watch that lasts as long as the verification may. */
export const awaitHealthy: KubernetesActivities['awaitHealthy'] = (input) =>
  activities('watch', input.target, {
    startToCloseTimeout: input.timeoutMs + 60_000,
    heartbeatTimeout: '5s',
    cancellationType: ActivityCancellationType.TRY_CANCEL,
  }).awaitHealthy(input);
