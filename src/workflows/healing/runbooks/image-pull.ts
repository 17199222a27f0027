import { isPullFailing } from '../../../model/kubernetes/faults/containers';
import type { Runbook } from '../runbook';
import { undoRollout } from '../rungs';

/** A revision that worked is kept: an older one would not mend a registry, a tag or a pull secret. */
export const imagePull: Runbook = {
  symptom: 'image-pull',
  title: 'An image that cannot be pulled',
  detect: { pod: isPullFailing },
  alerts: ['KubeContainerWaiting'],
  ladder: [undoRollout],
  healed: 'available-without-restarts',
};
