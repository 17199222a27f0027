import { type Gate, sameGate } from '../procedure';
import { type Target, targetKey } from '../target';
import { attemptsGate, coolDownGate, type End, isForgotten, withEnd } from './attempts';
import { takeToken, tokenAt, withRate } from './bucket';
import { addTo, budgetGate, isSpent, type Use, useOf } from './budgets';
import {
  endOfOverride,
  type LeaseRelease,
  type LeaseRequest,
  type OverrideMessage,
} from './messages';
import type { GovernorPolicy } from './policy';
import { everyScope, forgetShares, shareGate, takeSurvey } from './shares';
import type { Lease, Waiting } from './state';
import { type GovernorAnswer, type GovernorState, type Halt, leaseOf } from './state';
import { nextWindowChange, phaseOf, windowGate } from './windows';

/** Who asks when so many wait is not kept, and asks again in a minute. */
export const mostWaiting = 5_000;

/** Targets whose past is kept; the oldest give way. */
const mostHistories = 2_000;

const mostOverrides = 100;

/** Takes a request or a renewal; the answer to a new request comes from `settle`. */
export function receiveRequest(
  state: GovernorState,
  request: LeaseRequest,
  now: number,
): GovernorAnswer[] {
  const { workflowId, target, surroundings } = request;
  const expiresAt = now + state.policy.leaseTtlMs;
  if (surroundings) takeSurvey(state, surroundings, now);
  const held = leaseOf(state, workflowId);
  if (held) {
    held.expiresAt = expiresAt;
    return [answerHolder(state, held)];
  }
  const waiting = state.waiting[workflowId];
  state.waiting[workflowId] = {
    ...{ workflowId, target, expiresAt },
    ...(surroundings?.pool !== undefined && { pool: surroundings.pool }),
    ...(surroundings?.zone !== undefined && { zone: surroundings.zone }),
    scopes: surroundings?.shares.map(({ scope }) => scope) ?? waiting?.scopes ?? [],
    since: waiting?.since ?? now,
    ...(waiting?.told && { told: waiting.told }),
  };
  return [];
}

/** Takes a lease back, and lets the target cool down where it was acted on. */
export function receiveRelease(state: GovernorState, release: LeaseRelease, now: number): void {
  delete state.waiting[release.workflowId];
  const lease = leaseOf(state, release.workflowId);
  if (lease) endLease(state, lease, release, now);
}

/** Stops all work before its next step and blocks new work. */
export function receiveHalt(state: GovernorState, halt: Halt): void {
  state.halt = halt;
}

/** Lifts the halt; work goes on as the bucket has tokens. */
export function receiveResume(state: GovernorState): void {
  state.halt = undefined;
}

/** Lets work go on in spite of a share that is too large. */
export function receiveOverride(state: GovernorState, message: OverrideMessage, now: number): void {
  const { by, reason, scope = everyScope } = message;
  state.overrides[scope] = { by, reason, until: endOfOverride(message, now) };
  const [first, ...others] = Object.keys(state.overrides);
  if (first !== undefined && others.length >= mostOverrides) delete state.overrides[first];
}

/** Lets the shares hold again. */
export function receiveEnforce(state: GovernorState): void {
  state.overrides = {};
}

/** Sets the limits. */
export function receivePolicy(state: GovernorState, policy: GovernorPolicy, now: number): void {
  state.policy = policy;
  state.phases = policy.windows.map((window) => phaseOf(window, now));
  state.bucketFullAt = withRate(state.bucketFullAt, policy, now);
}

/**
 * Frees what has lapsed, stops and restarts leases as gates shut and open, grants what may be
 * granted in the order of asking, and tells the rest what blocks it.
 */
export function settle(state: GovernorState, now: number): GovernorAnswer[] {
  turnWindows(state, now);
  freeLapsed(state, now);
  const desk: Desk = { state, now, use: useOf(Object.values(state.leases)), inLine: 0 };
  return [...reviewLeases(desk), ...serveWaiting(desk)];
}

/** When something changes by itself next (a lease lapses, a cool-down ends), or undefined. */
export function nextChangeAt(state: GovernorState): number | undefined {
  let next = Infinity;
  const consider = (time: number | undefined) => {
    if (time !== undefined && time < next) next = time;
  };
  const considerGate = (gate: Gate | undefined) => {
    if (gate?.gate === 'rate-limited') consider(tokenAt(state.bucketFullAt, state.policy, 1));
    else if (gate?.until) consider(Date.parse(gate.until));
  };
  for (const { expiresAt, stopped } of Object.values(state.leases)) {
    consider(expiresAt);
    considerGate(stopped);
  }
  for (const { expiresAt, told } of Object.values(state.waiting)) {
    consider(expiresAt);
    considerGate(told);
  }
  for (const { until } of state.phases) consider(until);
  for (const { until } of Object.values(state.overrides)) consider(Date.parse(until));
  return next === Infinity ? undefined : next;
}

/** One settling: what is counted once and kept up to date while answers are given. */
interface Desk {
  state: GovernorState;
  now: number;
  use: Use;
  /** Those who are ahead and wait for nothing but a token. */
  inLine: number;
}

/** Tells holders to stop where a gate has shut, and to go on, one token each, where it has opened. */
function reviewLeases(desk: Desk): GovernorAnswer[] {
  const { state, now } = desk;
  return Object.values(state.leases).flatMap((lease) => {
    const shut = breakerOf(state, lease.target);
    if (!shut && !lease.stopped) return [];
    const gate = shut ?? tokenGate(desk);
    if (gate && isTold(lease.stopped, gate, now)) return [];
    lease.stopped = gate;
    if (!gate) state.bucketFullAt = takeToken(state.bucketFullAt, state.policy, now);
    return [answerHolder(state, lease)];
  });
}

function serveWaiting(desk: Desk): GovernorAnswer[] {
  const { state, now } = desk;
  const answers: GovernorAnswer[] = [];
  const [line, beyond] = split(Object.values(state.waiting), mostWaiting);
  for (const { workflowId } of beyond) {
    answers.push({ workflowId, answer: 'refused', gate: lineIsFull });
    delete state.waiting[workflowId];
  }
  for (const waiting of line) {
    const gate = gateFor(desk, waiting);
    if (!gate) {
      answers.push(grant(desk, waiting));
    } else if (!isTold(waiting.told, gate, now)) {
      answers.push({ workflowId: waiting.workflowId, answer: 'refused', gate });
      waiting.told = gate;
      if (gate.final) giveUp(state, waiting);
    }
  }
  return answers;
}

function grant({ state, now, use }: Desk, waiting: Waiting): GovernorAnswer {
  const { workflowId, target, pool, zone } = waiting;
  const lease: Lease = {
    ...{ workflowId, target, grantedAt: now, expiresAt: now + state.policy.leaseTtlMs },
    ...(pool !== undefined && { pool }),
    ...(zone !== undefined && { zone }),
  };
  state.leases[targetKey(target)] = lease;
  delete state.waiting[workflowId];
  addTo(use, lease);
  state.bucketFullAt = takeToken(state.bucketFullAt, state.policy, now);
  return answerHolder(state, lease);
}

/** Its procedure ends and a person is told; whoever asks for the target next waits. */
function giveUp(state: GovernorState, { workflowId, target }: Waiting): void {
  delete state.waiting[workflowId];
  const history = state.history[targetKey(target)];
  if (history) history.told = true;
}

/** The first gate that keeps a waiting request from being granted, or undefined. */
function gateFor(desk: Desk, waiting: Waiting): Gate | undefined {
  const { state, now, use } = desk;
  // While the whole cluster's budget is spent, a long line need not be looked at closely.
  if (waiting.told?.gate === 'budget-spent' && !state.halt && isSpent(use, state.policy, 'cluster'))
    return waiting.told;
  const gate =
    breakerOf(state, waiting.target) ??
    targetGate(state, waiting.target, now) ??
    shareGate(state, waiting) ??
    budgetGate(use, state.policy, waiting);
  if (gate) return gate;
  const tokens = tokenGate(desk);
  // What waits for nothing but a token has its place in the budget already.
  if (tokens) addTo(use, waiting);
  return tokens;
}

/** What stops work that has begun, too. */
function breakerOf({ halt, policy, phases }: GovernorState, target: Target): Gate | undefined {
  if (halt) return { gate: 'halted', reason: `halted by ${halt.by}: ${halt.reason}` };
  return windowGate(policy.windows, phases, target);
}

function targetGate(state: GovernorState, target: Target, now: number): Gate | undefined {
  const key = targetKey(target);
  const lease = state.leases[key];
  if (lease) return { gate: 'locked', reason: `${lease.workflowId} holds the target` };
  const history = state.history[key];
  return history && (attemptsGate(history, state.policy, now) ?? coolDownGate(history, now));
}

/** Shut while there is no token for the next in line. */
function tokenGate(desk: Desk): Gate | undefined {
  const { state, now } = desk;
  const { policy, bucketFullAt } = state;
  const at = tokenAt(bucketFullAt, policy, desk.inLine + 1);
  if (at <= now) return undefined;
  desk.inLine += 1;
  return {
    gate: 'rate-limited',
    reason: `${policy.startsPerMinute} procedures may begin a minute, ${policy.startBurst} at once`,
    until: iso(at),
  };
}

/** A turn that has moved a little is not told again before it is due. */
function isTold(told: Gate | undefined, gate: Gate, now: number): boolean {
  if (gate.gate === 'rate-limited' && told?.gate === 'rate-limited')
    return Date.parse(told.until ?? '') > now;
  return sameGate(told, gate);
}

const lineIsFull: Gate = {
  gate: 'budget-spent',
  reason: `${mostWaiting} procedures wait already; it is asked for again in a minute`,
};

const split = <T>(items: T[], at: number): [T[], T[]] => [items.slice(0, at), items.slice(at)];

/** A grant ends where a window does, so that nothing acts beyond it even when the governor is away. */
function answerHolder(state: GovernorState, lease: Lease): GovernorAnswer {
  const { workflowId, target, expiresAt, stopped } = lease;
  if (stopped) return { workflowId, answer: 'refused', gate: stopped };
  const change = nextWindowChange(state.policy.windows, state.phases, target);
  return { workflowId, answer: 'granted', until: iso(Math.min(expiresAt, change)) };
}

function turnWindows(state: GovernorState, now: number): void {
  state.policy.windows.forEach((window, index) => {
    const { until } = state.phases[index]!;
    if (until !== undefined && until <= now) state.phases[index] = phaseOf(window, now);
  });
}

function freeLapsed(state: GovernorState, now: number): void {
  for (const lease of Object.values(state.leases)) {
    // A dead procedure may have acted, so its target cools down like any other.
    if (lease.expiresAt <= now) endLease(state, lease, { acted: true, failed: true }, now);
  }
  for (const { workflowId, expiresAt } of Object.values(state.waiting)) {
    if (expiresAt <= now) delete state.waiting[workflowId];
  }
  for (const [key, history] of Object.entries(state.history)) {
    if (isForgotten(history, now)) delete state.history[key];
  }
  forgetShares(state, now);
}

function endLease(state: GovernorState, lease: Lease, end: End, now: number): void {
  const key = targetKey(lease.target);
  delete state.leases[key];
  const history = withEnd(state.history[key], end, state.policy, now);
  if (!history) return;
  // Put anew, so that the order is that of the last ends.
  delete state.history[key];
  state.history[key] = history;
  const [oldest, ...others] = Object.keys(state.history);
  if (oldest !== undefined && others.length >= mostHistories) delete state.history[oldest];
}

const iso = (time: number) => new Date(time).toISOString();
