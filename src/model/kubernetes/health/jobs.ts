import type { V1CronJob, V1Job } from '@kubernetes/client-node';
import type { Health } from '../../healing';
import { conditionOf } from '../faults/jobs';
import { isoOf, millisOf } from '../objects';
import type { TargetView } from './view';

/** The Job is complete; of a CronJob, the run that was scheduled last has succeeded. */
export function jobCompleted({ object }: TargetView): Health {
  return isCronJob(object) ? healthOfCronJob(object) : healthOfJob(object);
}

/** By its shape, since the items of a list do not carry their kind. */
function isCronJob(object: TargetView['object']): object is V1CronJob {
  return (object as V1CronJob).spec?.schedule !== undefined;
}

function healthOfJob(job: V1Job): Health {
  const failed = conditionOf(job, 'Failed');
  if (failed) return { state: 'failing', why: `${failed.reason}: ${failed.message ?? ''}` };
  if (conditionOf(job, 'Complete')) return { state: 'healthy', why: 'the Job is complete' };
  return { state: 'pending', why: `the Job is not complete: ${job.status?.active ?? 0} pods run` };
}

function healthOfCronJob({ status }: V1CronJob): Health {
  const succeeded = millisOf(status?.lastSuccessfulTime);
  const scheduled = millisOf(status?.lastScheduleTime);
  if (scheduled === undefined) return { state: 'healthy', why: 'it has not run yet' };
  if (succeeded !== undefined && succeeded >= scheduled) {
    return { state: 'healthy', why: 'its latest run has succeeded' };
  }
  const since = isoOf(status?.lastSuccessfulTime) ?? 'ever';
  return { state: 'pending', why: `no run has succeeded since ${since}` };
}
