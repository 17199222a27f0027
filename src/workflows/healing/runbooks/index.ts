import type { Runbook } from '../runbook';
import { crashLoop } from './crash-loop';
import { rolloutStuck } from './rollout-stuck';

/** Every runbook; the detector, the CLI and the documents read this list. */
export const runbooks: readonly Runbook[] = [crashLoop, rolloutStuck];

export function findRunbook(symptom: string): Runbook | undefined {
  return runbooks.find((runbook) => runbook.symptom === symptom);
}
