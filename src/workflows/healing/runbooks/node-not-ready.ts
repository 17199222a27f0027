import { isNodeNotReady } from '../../../model/kubernetes/faults/node';
import { cordon, drain, reboot, replace } from '../node-rungs';
import type { Runbook } from '../runbook';

export const nodeNotReady: Runbook = {
  symptom: 'node-not-ready',
  title: 'A node that is not Ready',
  detect: { node: isNodeNotReady },
  alerts: ['KubeNodeNotReady'],
  ladder: [cordon, drain, reboot, replace],
  healed: 'node-ready',
  soak: 'nodeSoakMs',
};
