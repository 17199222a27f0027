import type { V1CronJob, V1Job } from '@kubernetes/client-node';
import { defaultDetectionSettings } from '../../../src/model/healing';
import { isJobFailed, isJobFailedForNow } from '../../../src/model/kubernetes/faults/jobs';
import { healthChecks } from '../../../src/model/kubernetes/health';
import { at } from './objects';

const job = (type?: string, reason?: string, metadata = {}) =>
  ({
    metadata: { name: 'import', namespace: 'shop', uid: 'job-uid', ...metadata },
    spec: { backoffLimit: 0 },
    status: {
      active: type ? 0 : 1,
      conditions: type
        ? [{ type, reason, status: 'True', message: 'it ended', lastTransitionTime: at(60) }]
        : [],
    },
  }) as unknown as V1Job;

const cronJob = (status: object) =>
  ({ spec: { schedule: '* * * * *' }, status }) as unknown as V1CronJob;

describe('isJobFailed', () => {
  test.each(['BackoffLimitExceeded', 'DeadlineExceeded'])('%s counts at once', (reason) => {
    expect(isJobFailed(job('Failed', reason))).toEqual({
      since: at(60),
      due: at(60),
      message: `${reason}: it ended`,
    });
  });

  test.each([
    ['a Job that runs', job()],
    ['a complete Job', job('Complete')],
    ['a policy of its own', job('Failed', 'PodFailurePolicy')],
    [
      'a Job that is being deleted',
      job('Failed', 'DeadlineExceeded', { deletionTimestamp: at(70) }),
    ],
  ])('leaves alone: %s', (_name, object) => {
    expect(isJobFailed(object)).toBeUndefined();
  });

  test.each([
    [true, 'no run of its CronJob has succeeded', cronJob({})],
    [true, 'only an earlier run has succeeded', cronJob({ lastSuccessfulTime: at(30) })],
    [false, 'a later run has succeeded', cronJob({ lastSuccessfulTime: at(90) })],
  ])('still counts (%s): %s', (expected, _name, owner) => {
    const failed = job('Failed', 'BackoffLimitExceeded');
    const finding = isJobFailedForNow(failed, defaultDetectionSettings, { target: () => owner });
    expect(finding !== undefined).toBe(expected);
  });
});

describe('job-completed', () => {
  test.each([
    ['healthy', 'complete', job('Complete')],
    ['failing', 'failed', job('Failed', 'BackoffLimitExceeded')],
    ['pending', 'running', job()],
    ['healthy', 'a CronJob that never ran', cronJob({})],
    [
      'healthy',
      'a CronJob whose latest run succeeded',
      cronJob({ lastScheduleTime: at(0), lastSuccessfulTime: at(9) }),
    ],
    [
      'pending',
      'a CronJob whose latest run did not succeed',
      cronJob({ lastScheduleTime: at(60), lastSuccessfulTime: at(9) }),
    ],
  ] as const)('%s: %s', (state, _name, object) => {
    expect(healthChecks['job-completed']({ object, pods: [] }).state).toBe(state);
  });
});
