import type { Diagnosis } from '../../model/healing';
import type { HealingSettings, Observation } from '../../model/incident';
import type { Target } from '../../model/target';
import type { Runbook, Rung } from './runbook';

/** The first rung that applies to what was found and was not tried yet. */
export function nextRung(
  runbook: Runbook,
  diagnosis: Diagnosis,
  target: Target,
  tried: readonly string[],
  settings: HealingSettings,
): Rung | undefined {
  return runbook.ladder.find(
    (rung) => !tried.includes(rung.name) && rung.when(diagnosis, settings, target),
  );
}

/**
 * Whether the target may be coming right by itself, so that it is watched and not touched:
 * it looks healthy, or it was rolled out anew after the fault was seen last.
 */
export function mayRecover(diagnosis: Diagnosis, observations: readonly Observation[]): boolean {
  const { state } = diagnosis.health;
  if (state === 'failing' || state === 'overdue') return false;
  if (state === 'healthy') return true;
  const seen = observations.filter(({ state }) => state === 'broken').map(({ seenAt }) => seenAt);
  // Nobody saw it broken (a person asked), so it gets its chance first.
  if (seen.length === 0) return true;
  const { rolledOutAt } = diagnosis;
  return (
    rolledOutAt !== undefined &&
    Date.parse(rolledOutAt) > Math.max(...seen.map((time) => Date.parse(time)))
  );
}

/** Why a person must agree to a rung, or undefined. */
export function approvalReason(rung: Rung, diagnosis: Diagnosis): string | undefined {
  return rung.needsApproval ?? (diagnosis.protected ? 'the target is protected' : undefined);
}
