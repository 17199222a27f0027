import { isUnschedulable } from '../../../model/kubernetes/faults/scheduling';
import type { Runbook, Rung } from '../runbook';
import { hookRung } from '../rungs';

/** A node that a procedure of ours has left cordoned. */
const uncordon: Rung = {
  name: 'uncordon',
  when: () => true,
  change: ({ target }) => ({ kind: 'uncordon', target }),
};

export const podPending: Runbook = {
  symptom: 'pod-pending',
  title: 'A pod that no node takes',
  detect: { pod: isUnschedulable },
  alerts: ['KubePodNotReady'],
  ladder: [uncordon, hookRung('add-nodes', 'addNodes')],
  healed: 'pods-scheduled',
};
