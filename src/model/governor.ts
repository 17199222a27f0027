import type { Gate } from './procedure';
import { isTarget, type Target, targetKey } from './target';

/** Limits that the governor keeps. Times in milliseconds. */
export interface GovernorPolicy {
  /** Procedures that may hold a lease at once. */
  maxConcurrent: number;
  /** A lease that is not renewed within so long lapses. */
  leaseTtlMs: number;
  /** How long a target rests after a procedure that acted on it; doubled for every failure in a row. */
  coolDownMs: number;
  /** Procedures that may act on one target within an hour. */
  attemptsPerHour: number;
}

export const defaultGovernorPolicy: GovernorPolicy = {
  maxConcurrent: 20,
  leaseTtlMs: 5 * 60_000,
  coolDownMs: 30_000,
  attemptsPerHour: 5,
};

/** A procedure asks for its target, and renews what it holds by asking again. */
export interface LeaseRequest {
  workflowId: string;
  target: Target;
}

/** A procedure gives its target back. */
export interface LeaseRelease {
  workflowId: string;
  /** Whether it changed anything, or tried to. */
  acted: boolean;
  /** Whether the fault is still there as far as it knows: then the next one waits ever longer. */
  failed: boolean;
}

export interface Lease extends LeaseRequest {
  grantedAt: number;
  expiresAt: number;
}

export interface Waiting extends LeaseRequest {
  since: number;
  /** Dropped when it is not asked for again until then. */
  expiresAt: number;
  /** What it was told last. */
  told?: Gate;
}

export interface TargetHistory {
  /** Ends of procedures that acted or failed, within the last hour. */
  attempts: number[];
  /** Failures in a row. */
  failures: number;
  coolDownUntil: number;
}

export interface Halt {
  by: string;
  reason: string;
  at: string;
}

/** Everything the governor knows; plain JSON, carried when it continues as new. */
export interface GovernorState {
  cluster: string;
  policy: GovernorPolicy;
  halt?: Halt;
  /** By target key. */
  leases: Record<string, Lease>;
  waiting: Waiting[];
  /** By target key; forgotten an hour after the last attempt. */
  history: Record<string, TargetHistory>;
}

/** An answer for a procedure. */
export type GovernorAnswer =
  | { workflowId: string; answer: 'granted'; until: string }
  | { workflowId: string; answer: 'refused'; gate: Gate };

const hour = 3_600_000;

/** Whether a signal's payload is a request. */
export function isLeaseRequest(value: unknown): value is LeaseRequest {
  const request = value as Partial<LeaseRequest> | null | undefined;
  return typeof request?.workflowId === 'string' && isTarget(request.target);
}

/** Whether a signal's payload is a release. */
export function isLeaseRelease(value: unknown): value is LeaseRelease {
  return typeof (value as Partial<LeaseRelease> | null | undefined)?.workflowId === 'string';
}

/** Whether a signal's payload is a policy. */
export function isGovernorPolicy(value: unknown): value is GovernorPolicy {
  const policy = (value ?? {}) as Record<string, unknown>;
  return Object.keys(defaultGovernorPolicy).every(
    (key) => Number.isFinite(policy[key]) && (policy[key] as number) >= 0,
  );
}

export function newGovernorState(cluster: string, policy = defaultGovernorPolicy): GovernorState {
  return { cluster, policy, leases: {}, waiting: [], history: {} };
}

/** Takes a request or a renewal; the answer to a new request comes from `settle`. */
export function receiveRequest(
  state: GovernorState,
  request: LeaseRequest,
  now: number,
): GovernorAnswer[] {
  const expiresAt = now + state.policy.leaseTtlMs;
  const held = heldBy(state, request.workflowId);
  if (held) {
    held.expiresAt = expiresAt;
    return [answerHolder(state, held)];
  }
  const waiting = state.waiting.find(({ workflowId }) => workflowId === request.workflowId);
  if (waiting) waiting.expiresAt = expiresAt;
  else state.waiting.push({ ...request, since: now, expiresAt });
  return [];
}

/** Takes a lease back, and lets the target cool down where it was acted on. */
export function receiveRelease(state: GovernorState, release: LeaseRelease, now: number): void {
  state.waiting = state.waiting.filter(({ workflowId }) => workflowId !== release.workflowId);
  const lease = heldBy(state, release.workflowId);
  if (lease) endLease(state, lease, release, now);
}

/** Stops all work before its next step and blocks new work. */
export function receiveHalt(state: GovernorState, halt: Halt): GovernorAnswer[] {
  state.halt = halt;
  return Object.values(state.leases).map((lease) => answerHolder(state, lease));
}

/** Lifts the halt; work that held a lease goes on. */
export function receiveResume(state: GovernorState, now: number): GovernorAnswer[] {
  state.halt = undefined;
  return Object.values(state.leases).map((lease) => {
    lease.expiresAt = now + state.policy.leaseTtlMs;
    return answerHolder(state, lease);
  });
}

/** Frees what has lapsed, grants what may be granted in the order of asking, tells the rest what blocks it. */
export function settle(state: GovernorState, now: number): GovernorAnswer[] {
  freeLapsed(state, now);
  const answers: GovernorAnswer[] = [];
  const stillWaiting: Waiting[] = [];
  for (const waiting of state.waiting) {
    const gate = gateOf(state, waiting.target, now);
    if (!gate) {
      answers.push(grant(state, waiting, now));
      continue;
    }
    if (!sameGate(waiting.told, gate)) {
      answers.push({ workflowId: waiting.workflowId, answer: 'refused', gate });
    }
    stillWaiting.push({ ...waiting, told: gate });
  }
  state.waiting = stillWaiting;
  return answers;
}

/** The gate that keeps a target from being worked on now, or undefined. */
export function gateOf(state: GovernorState, target: Target, now: number): Gate | undefined {
  const key = targetKey(target);
  if (state.halt) return haltGate(state.halt);
  const lease = state.leases[key];
  if (lease) return { gate: 'locked', reason: `${lease.workflowId} holds the target` };
  const history = state.history[key];
  const recent = history?.attempts.filter((at) => at > now - hour) ?? [];
  const oldest = recent[recent.length - state.policy.attemptsPerHour];
  if (oldest !== undefined) {
    return {
      gate: 'attempts-spent',
      reason: `${recent.length} procedures dealt with the target within an hour; at most ${state.policy.attemptsPerHour} may`,
      until: iso(oldest + hour),
    };
  }
  if (history && history.coolDownUntil > now) {
    return {
      gate: 'cooling-down',
      reason: coolDownReason(history.failures),
      until: iso(history.coolDownUntil),
    };
  }
  const held = Object.keys(state.leases).length;
  if (held >= state.policy.maxConcurrent) {
    return {
      gate: 'budget-spent',
      reason: `${held} procedures are at work; at most ${state.policy.maxConcurrent} may be`,
    };
  }
  return undefined;
}

/** When something changes by itself next (a lease lapses, a cool-down ends), or undefined. */
export function nextChangeAt(state: GovernorState): number | undefined {
  const times = [
    ...Object.values(state.leases).map(({ expiresAt }) => expiresAt),
    ...state.waiting.flatMap(({ expiresAt, told }) => [
      expiresAt,
      ...(told?.until ? [Date.parse(told.until)] : []),
    ]),
  ];
  return times.length > 0 ? Math.min(...times) : undefined;
}

function freeLapsed(state: GovernorState, now: number): void {
  for (const lease of Object.values(state.leases)) {
    // A dead procedure may have acted, so its target cools down like any other.
    if (lease.expiresAt <= now) endLease(state, lease, { acted: true, failed: true }, now);
  }
  state.waiting = state.waiting.filter(({ expiresAt }) => expiresAt > now);
  for (const [key, history] of Object.entries(state.history)) {
    history.attempts = history.attempts.filter((at) => at > now - hour);
    if (history.attempts.length === 0 && history.coolDownUntil <= now) delete state.history[key];
  }
}

function grant(state: GovernorState, request: LeaseRequest, now: number): GovernorAnswer {
  const lease: Lease = {
    workflowId: request.workflowId,
    target: request.target,
    grantedAt: now,
    expiresAt: now + state.policy.leaseTtlMs,
  };
  state.leases[targetKey(lease.target)] = lease;
  return answerHolder(state, lease);
}

function endLease(
  state: GovernorState,
  lease: Lease,
  { acted, failed }: Omit<LeaseRelease, 'workflowId'>,
  now: number,
): void {
  const { coolDownMs, attemptsPerHour } = state.policy;
  const key = targetKey(lease.target);
  delete state.leases[key];
  if (!acted && !failed) return;
  const history = state.history[key] ?? { attempts: [], failures: 0, coolDownUntil: 0 };
  history.attempts = [...history.attempts, now].slice(-attemptsPerHour);
  history.failures = failed ? history.failures + 1 : 0;
  history.coolDownUntil = now + Math.min(coolDownMs * 2 ** history.failures, hour);
  state.history[key] = history;
}

function answerHolder(state: GovernorState, lease: Lease): GovernorAnswer {
  const { workflowId } = lease;
  if (state.halt) return { workflowId, answer: 'refused', gate: haltGate(state.halt) };
  return { workflowId, answer: 'granted', until: iso(lease.expiresAt) };
}

function coolDownReason(failures: number): string {
  if (failures === 0) return 'a procedure acted on the target a short while ago';
  return `the last ${failures === 1 ? 'procedure' : `${failures} procedures`} did not mend the target`;
}

function heldBy(state: GovernorState, workflowId: string): Lease | undefined {
  return Object.values(state.leases).find((lease) => lease.workflowId === workflowId);
}

function haltGate(halt: Halt): Gate {
  return { gate: 'halted', reason: `halted by ${halt.by}: ${halt.reason}` };
}

function sameGate(told: Gate | undefined, gate: Gate): boolean {
  return told?.gate === gate.gate && told.until === gate.until && told.reason === gate.reason;
}

const iso = (time: number) => new Date(time).toISOString();
