import type { ChangeKind } from '../../model/change';
import type { Diagnosis } from '../../model/healing';
import type { HealingSettings, Observation } from '../../model/incident';
import { formatGitOpsOwner } from '../../model/kubernetes/gitops';
import type { Target } from '../../model/target';
import type { Runbook, Rung } from './runbook';
import { pauseGitOps } from './rungs';

/** The first rung that applies to what was found and was not tried yet. */
export function nextRung(
  runbook: Runbook,
  diagnosis: Diagnosis,
  target: Target,
  tried: readonly string[],
  settings: HealingSettings,
): Rung | undefined {
  const next = runbook.ladder.find(
    (rung) => !tried.includes(rung.name) && rung.when(diagnosis, settings, target),
  );
  const pausesFirst =
    next &&
    settings.gitOps === 'pause' &&
    isFought(next, target, diagnosis) &&
    !tried.includes(pauseGitOps.name);
  return pausesFirst ? pauseGitOps : next;
}

/** Changes that leave the manifest of the target as Git has it. */
const harmless: readonly ChangeKind[] = [
  'restart',
  'replace-pod',
  'replace-unready',
  'uncordon',
  'recreate-job',
  'cordon',
  'pause-gitops',
  'force-delete',
  'remove-finalizers',
  'collect-evicted',
  'drain',
  'evict-pods',
  'out-of-service',
  'run-hook',
];

/** Whether Flux or Argo CD would take the change of a rung back. */
function isFought(rung: Rung, target: Target, diagnosis: Diagnosis): boolean {
  if (!diagnosis.managedBy) return false;
  return !harmless.includes(rung.change({ target, diagnosis, token: '' }).kind);
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
export function approvalReason(
  rung: Rung,
  diagnosis: Diagnosis,
  {
    target,
    settings,
    taken,
  }: { target: Target; settings: HealingSettings; taken: readonly string[] },
): string | undefined {
  if (rung.needsApproval) return rung.needsApproval;
  if (diagnosis.protected) return 'the target is protected';
  const paused = settings.gitOps === 'pause' && taken.includes(pauseGitOps.name);
  if (settings.gitOps === 'proceed' || paused || !isFought(rung, target, diagnosis))
    return undefined;
  return `${formatGitOpsOwner(diagnosis.managedBy!)} applies it from Git and would take the change back: mend it there`;
}
