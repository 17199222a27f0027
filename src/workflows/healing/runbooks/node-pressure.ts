import { isUnderPressure } from '../../../model/kubernetes/faults/node';
import { cordon, drain, evictPods } from '../node-rungs';
import type { Runbook } from '../runbook';

export const nodePressure: Runbook = {
  symptom: 'node-pressure',
  title: 'A node that is short of disk, memory or process ids',
  detect: { node: isUnderPressure },
  alerts: ['KubeNodePressure'],
  ladder: [evictPods, { ...evictPods, name: 'evict-more-pods' }, cordon, drain],
  healed: 'node-without-pressure',
  soak: 'nodeSoakMs',
};
