import { isStuckTerminating } from '../../../model/kubernetes/faults/pods';
import type { Runbook, Rung } from '../runbook';

/** For pods whose node never said that they ended. */
const forceDelete: Rung = {
  name: 'force-delete',
  when: () => true,
  change: ({ target }) => ({ kind: 'force-delete', target }),
};

/** For pods that have ended, and that only their finalizers keep. */
const removeFinalizers: Rung = {
  name: 'remove-finalizers',
  when: () => true,
  change: ({ target }) => ({ kind: 'remove-finalizers', target }),
  needsApproval: 'a finalizer is a promise to clean up: what its owner did not clean up, stays',
};

export const stuckTerminating: Runbook = {
  symptom: 'stuck-terminating',
  title: 'A pod that does not end',
  detect: { terminatingPod: isStuckTerminating },
  alerts: [],
  ladder: [forceDelete, removeFinalizers],
  healed: 'none-terminating',
};
