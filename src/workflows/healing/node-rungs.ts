import type { Rung } from './runbook';
import { hookRung } from './rungs';

/** No new pods for the time of the procedure. */
export const cordon: Rung = {
  name: 'cordon',
  when: () => true,
  change: ({ target }) => ({ kind: 'cordon', target }),
  prepares: true,
};

/** What runs on the node moves elsewhere, as far as its disruption budgets allow. */
export const drain: Rung = {
  name: 'drain',
  when: () => true,
  change: ({ target }) => ({ kind: 'drain', target }),
  prepares: true,
  interruptible: true,
};

export const reboot = hookRung('reboot', 'reboot');
export const replace = hookRung('replace', 'replace');

/** A few pods go, by the Eviction API, so that the others have enough. */
export const evictPods: Rung = {
  name: 'evict-pods',
  when: () => true,
  change: ({ target }) => ({ kind: 'evict-pods', target }),
};

/** Others may take over what the node held, once it is proved to be without power. */
export const outOfService: Rung = {
  name: 'out-of-service',
  when: () => true,
  change: ({ target, token }) => ({ kind: 'out-of-service', target, token }),
  needsApproval: 'a node that is not really without power would go on writing to its volumes',
};
