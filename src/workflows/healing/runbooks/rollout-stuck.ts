import { isRolloutStuck } from '../../../model/kubernetes/faults/rollout';
import type { Runbook } from '../runbook';
import { restart, undoRollout, undoRolloutAnyway } from '../rungs';

export const rolloutStuck: Runbook = {
  symptom: 'rollout-stuck',
  title: 'A release that does not get ready within its deadline',
  detect: { workload: isRolloutStuck },
  alerts: ['KubeDeploymentRolloutStuck'],
  ladder: [undoRollout, restart, undoRolloutAnyway],
  healed: 'available-without-restarts',
};
