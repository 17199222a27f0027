import type { KubernetesObject, V1CronJob, V1Job } from '@kubernetes/client-node';
import type { Finding } from '../../healing';
import { isoOf, isTerminating, millisOf } from '../objects';

/** Reasons that say that the work did not succeed; the others are somebody's own policy. */
const reasons = ['BackoffLimitExceeded', 'DeadlineExceeded'];

/** Whether a Job has given up. */
export function isJobFailed(job: V1Job): Finding | undefined {
  const failed = conditionOf(job, 'Failed');
  const since = isoOf(failed?.lastTransitionTime);
  if (!failed || !since || !reasons.includes(failed.reason ?? '') || isTerminating(job)) {
    return undefined;
  }
  return { since, due: since, message: `${failed.reason}: ${failed.message ?? ''}` };
}

/** Whether a Job has given up, and no later one of its CronJob has succeeded. */
export function isJobFailedForNow(
  job: V1Job,
  _settings: unknown,
  around: { target: () => KubernetesObject | undefined },
): Finding | undefined {
  const finding = isJobFailed(job);
  if (!finding) return undefined;
  const succeeded = millisOf(
    (around.target() as V1CronJob | undefined)?.status?.lastSuccessfulTime,
  );
  return succeeded !== undefined && succeeded > Date.parse(finding.since) ? undefined : finding;
}

/** A condition of a Job that holds. */
export function conditionOf(job: V1Job, type: string) {
  return job.status?.conditions?.find((one) => one.type === type && one.status === 'True');
}
