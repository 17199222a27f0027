import { isHoldingUpDrain } from '../../../model/kubernetes/faults/budgets';
import type { Runbook, Rung } from '../runbook';

/** One pod more than the budget asks for, for as long as the drain takes. */
const scaleUp: Rung = {
  name: 'scale-up',
  when: () => true,
  change: ({ target }) => ({ kind: 'add-replica', target }),
  needsApproval: 'somebody set the number of replicas on purpose',
};

/** One disruption at a time, for as long as the drain takes. */
const relax: Rung = {
  name: 'relax',
  when: () => true,
  change: ({ target }) => ({ kind: 'relax-budget', target }),
  needsApproval: 'somebody set the budget on purpose',
};

export const pdbTooStrict: Runbook = {
  symptom: 'pdb-too-strict',
  title: 'A disruption budget that holds up a drain',
  detect: { podDisruptionBudget: isHoldingUpDrain },
  alerts: ['KubePdbNotEnoughHealthyPods'],
  ladder: [scaleUp, relax],
  healed: 'no-drain-waits',
};
