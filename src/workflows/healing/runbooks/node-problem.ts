import { hasNodeProblem } from '../../../model/kubernetes/faults/node';
import { cordon, drain, reboot, replace } from '../node-rungs';
import type { Runbook } from '../runbook';

export const nodeProblem: Runbook = {
  symptom: 'node-problem',
  title: 'A node with a deadlocked kernel, a read-only file system or another problem',
  detect: { node: hasNodeProblem },
  alerts: ['KubeNodeProblem'],
  ladder: [cordon, drain, reboot, replace],
  healed: 'node-without-problem',
  soak: 'nodeSoakMs',
};
