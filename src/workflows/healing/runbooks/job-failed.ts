import { isJobFailedForNow } from '../../../model/kubernetes/faults/jobs';
import type { Runbook, Rung } from '../runbook';

/** Only a Job that is marked idempotent is made anew. */
const recreate: Rung = {
  name: 'recreate',
  when: () => true,
  change: ({ target }) => ({ kind: 'recreate-job', target }),
};

export const jobFailed: Runbook = {
  symptom: 'job-failed',
  title: 'A Job that gave up',
  detect: { job: isJobFailedForNow },
  alerts: ['KubeJobFailed'],
  ladder: [recreate, { ...recreate, name: 'recreate-again' }],
  healed: 'job-completed',
};
