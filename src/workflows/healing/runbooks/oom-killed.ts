import { isOutOfMemory } from '../../../model/kubernetes/faults/containers';
import { isWorkloadKind } from '../../../model/target';
import type { Runbook, Rung } from '../runbook';
import { restart, undoRollout } from '../rungs';

/** Once for an incident: what needs ever more memory leaks, and that is for a person. */
const raiseMemory: Rung = {
  name: 'raise-memory',
  when: (_diagnosis, _settings, target) => isWorkloadKind(target.kind),
  change: ({ target }) => ({ kind: 'raise-memory', target }),
};

export const oomKilled: Runbook = {
  symptom: 'oom-killed',
  title: 'A container that is killed for its memory again and again',
  detect: { pod: isOutOfMemory },
  alerts: [],
  ladder: [undoRollout, restart, raiseMemory],
  healed: 'available-without-restarts',
};
