import { isNodeFlapping } from '../../../model/kubernetes/faults/node';
import { cordon, drain, replace } from '../node-rungs';
import type { Runbook } from '../runbook';

export const nodeFlapping: Runbook = {
  symptom: 'node-flapping',
  title: 'A node that is lost again and again',
  detect: { node: isNodeFlapping },
  alerts: ['KubeNodeReadinessFlapping'],
  // Without new pods it may come to rest, so the cordon is given its time.
  ladder: [{ ...cordon, prepares: false }, drain, replace],
  healed: 'node-without-problem',
  soak: 'nodeSoakMs',
  intermittent: true,
};
