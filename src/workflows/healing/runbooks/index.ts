import type { Runbook } from '../runbook';
import { crashLoop } from './crash-loop';
import { evictedPods } from './evicted-pods';
import { rolloutStuck } from './rollout-stuck';
import { stuckTerminating } from './stuck-terminating';

/** Every runbook; the detector, the CLI and the documents read this list. */
export const runbooks: readonly Runbook[] = [
  crashLoop,
  rolloutStuck,
  stuckTerminating,
  evictedPods,
];

export function findRunbook(symptom: string): Runbook | undefined {
  return runbooks.find((runbook) => runbook.symptom === symptom);
}
