import { hasStuckNodes } from '../../../model/kubernetes/faults/replicas';
import type { Runbook } from '../runbook';
import { replaceUnready, undoRollout } from '../rungs';

export const daemonSetStuck: Runbook = {
  symptom: 'daemonset-stuck',
  title: 'A DaemonSet whose pods stay unready on some nodes',
  detect: { workload: hasStuckNodes },
  alerts: ['KubeDaemonSetRolloutStuck'],
  ladder: [replaceUnready, undoRollout],
  healed: 'available-without-restarts',
};
