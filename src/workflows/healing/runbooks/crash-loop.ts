import { isCrashLooping } from '../../../model/kubernetes/faults/containers';
import type { Runbook } from '../runbook';
import { replacePod, restart, undoRollout, undoRolloutAnyway } from '../rungs';

export const crashLoop: Runbook = {
  symptom: 'crash-loop',
  title: 'A container that keeps crashing',
  detect: { pod: isCrashLooping },
  alerts: ['KubePodCrashLooping'],
  ladder: [undoRollout, restart, undoRolloutAnyway, replacePod],
  healed: 'available-without-restarts',
};
