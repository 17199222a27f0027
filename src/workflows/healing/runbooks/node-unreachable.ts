import { isUnreachableWithPods } from '../../../model/kubernetes/faults/node';
import { cordon, outOfService } from '../node-rungs';
import type { Runbook } from '../runbook';

export const nodeUnreachable: Runbook = {
  symptom: 'node-unreachable',
  title: 'A node out of reach, whose pods cannot end',
  detect: { node: isUnreachableWithPods },
  alerts: ['KubeNodeUnreachable'],
  ladder: [cordon, outOfService],
  healed: 'pods-moved',
};
