import { isEvictedAmongMany } from '../../../model/kubernetes/faults/pods';
import type { Runbook, Rung } from '../runbook';

/** Clears the remains away; should evictions go on, a person has to find out why. */
const collect: Rung = {
  name: 'collect-evicted',
  when: () => true,
  change: ({ target }) => ({ kind: 'collect-evicted', target }),
};

export const evictedPods: Runbook = {
  symptom: 'evicted-pods',
  title: 'Remains of evicted pods that pile up',
  detect: { pod: isEvictedAmongMany },
  alerts: [],
  ladder: [collect],
  healed: 'none-evicted',
};
