import { isMaxedOut } from '../../../model/kubernetes/faults/autoscaling';
import type { Runbook, Rung } from '../runbook';

/** Once for an incident: a load that grows for ever is for a person. */
const raiseMaxReplicas: Rung = {
  name: 'raise-max-replicas',
  when: () => true,
  change: ({ target }) => ({ kind: 'raise-max-replicas', target }),
};

export const hpaMaxed: Runbook = {
  symptom: 'hpa-maxed',
  title: 'An autoscaler that wants more replicas than it may have',
  detect: { horizontalPodAutoscaler: isMaxedOut },
  alerts: ['KubeHpaMaxedOut'],
  ladder: [raiseMaxReplicas],
  healed: 'below-maximum',
};
