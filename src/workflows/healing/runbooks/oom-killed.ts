import { isOutOfMemory } from '../../../model/kubernetes/faults/containers';
import type { Runbook } from '../runbook';
import { restart, undoRollout } from '../rungs';

export const oomKilled: Runbook = {
  symptom: 'oom-killed',
  title: 'A container that is killed for its memory again and again',
  detect: { pod: isOutOfMemory },
  alerts: [],
  ladder: [undoRollout, restart],
  healed: 'available-without-restarts',
};
