import type { Gate } from '../procedure';
import type { GovernorPolicy } from './policy';

/** What is remembered of the procedures on one target. */
export interface TargetHistory {
  /** Ends of procedures that acted or failed, within the last hour; milliseconds since the epoch. */
  attempts: number[];
  /** Failures in a row. */
  failures: number;
  coolDownUntil: number;
  /** A person was told that the attempts are spent; once is enough until there are some again. */
  told?: boolean;
}

/** How a procedure ended. */
export interface End {
  /** Whether it changed anything, or tried to. */
  acted: boolean;
  /** Whether the fault is still there as far as it knows: then the next one waits ever longer. */
  failed: boolean;
}

const hour = 3_600_000;

/** The history with one more end; unchanged where nothing was done or missed. */
export function withEnd(
  history: TargetHistory | undefined,
  { acted, failed }: End,
  { coolDownMs, attemptsPerHour }: GovernorPolicy,
  now: number,
): TargetHistory | undefined {
  if (!acted && !failed) return history;
  const failures = failed ? (history?.failures ?? 0) + 1 : 0;
  return {
    attempts: [...(history?.attempts ?? []), now].slice(-attemptsPerHour),
    failures,
    coolDownUntil: now + Math.min(coolDownMs * 2 ** failures, hour),
  };
}

/** Whether nothing in it matters any more. */
export function isForgotten({ attempts, coolDownUntil }: TargetHistory, now: number): boolean {
  return coolDownUntil <= now && !attempts.some((at) => at > now - hour);
}

/** Shut while a target's attempts are spent; `final` for the first that asks, so that a person hears of it. */
export function attemptsGate(
  history: TargetHistory,
  { attemptsPerHour }: GovernorPolicy,
  now: number,
): Gate | undefined {
  const recent = history.attempts.filter((at) => at > now - hour);
  const oldest = recent[recent.length - attemptsPerHour];
  if (oldest === undefined) return undefined;
  return {
    gate: 'attempts-spent',
    reason: `${recent.length} procedures dealt with the target within an hour; at most ${attemptsPerHour} may`,
    until: new Date(oldest + hour).toISOString(),
    ...(!history.told && { final: true as const }),
  };
}

/** Shut while a target rests. */
export function coolDownGate(history: TargetHistory, now: number): Gate | undefined {
  if (history.coolDownUntil <= now) return undefined;
  return {
    gate: 'cooling-down',
    reason: restReason(history.failures),
    until: new Date(history.coolDownUntil).toISOString(),
  };
}

function restReason(failures: number): string {
  if (failures === 0) return 'a procedure acted on the target a short while ago';
  return `the last ${failures === 1 ? 'procedure' : `${failures} procedures`} did not mend the target`;
}
