import type { Runbook } from '../runbook';
import { configError } from './config-error';
import { crashLoop } from './crash-loop';
import { daemonSetStuck } from './daemonset-stuck';
import { evictedPods } from './evicted-pods';
import { hpaMaxed } from './hpa-maxed';
import { imagePull } from './image-pull';
import { jobFailed } from './job-failed';
import { nodeFlapping } from './node-flapping';
import { nodeNotReady } from './node-not-ready';
import { nodePressure } from './node-pressure';
import { nodeProblem } from './node-problem';
import { nodeUnreachable } from './node-unreachable';
import { oomKilled } from './oom-killed';
import { pdbTooStrict } from './pdb-too-strict';
import { podPending } from './pod-pending';
import { registryUnreachable } from './registry-unreachable';
import { rolloutStuck } from './rollout-stuck';
import { statefulSetMismatch } from './statefulset-mismatch';
import { stuckTerminating } from './stuck-terminating';

/** Every runbook, the more telling symptom first; the detector, the CLI and the documents read this list. */
export const runbooks: readonly Runbook[] = [
  imagePull,
  configError,
  oomKilled,
  crashLoop,
  podPending,
  rolloutStuck,
  daemonSetStuck,
  statefulSetMismatch,
  registryUnreachable,
  jobFailed,
  hpaMaxed,
  stuckTerminating,
  evictedPods,
  nodeUnreachable,
  nodeProblem,
  nodeNotReady,
  nodeFlapping,
  nodePressure,
  pdbTooStrict,
];

export function findRunbook(symptom: string): Runbook | undefined {
  return runbooks.find((runbook) => runbook.symptom === symptom);
}
