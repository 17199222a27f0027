import type { Gate } from '../procedure';
import type { GovernorPolicy, ShareKind } from './policy';
import type { GovernorState, Lease, Waiting } from './state';

/** How much of something is unhealthy. */
export interface Share {
  /** `nodes`, `pool/blue`, `zone/a`, or `workloads`. */
  scope: string;
  unhealthy: number;
  total: number;
}

/** Where a target stands and how things are around it, as a survey found them. */
export interface Surroundings {
  /** Of a node; absent for everything else. */
  pool?: string;
  zone?: string;
  /** RFC 3339. */
  takenAt: string;
  /** A procedure on the target heeds each of them. */
  shares: Share[];
}

/** A share that was surveyed at some time, in milliseconds since the epoch. */
export type SurveyedShare = Omit<Share, 'scope'> & { at: number };

/** A person's word that procedures go on although a share is too large. */
export interface Override {
  by: string;
  reason: string;
  /** RFC 3339. */
  until: string;
}

/** The scope of an override that holds for every share. */
export const everyScope = 'all';

/** What was surveyed is believed for so long; who waits asks with a new survey once a minute. */
const believedForMs = 3 * 60_000;

/** So many may always be unhealthy: a share of few things says little. */
const alwaysAllowed: Record<ShareKind, number> = { nodes: 1, pool: 1, zone: 1, workloads: 5 };

const scopePattern = /^(nodes|workloads|all|(pool|zone)\/\S+)$/;

/** Whether a text names what a share, or an override, is of. */
export function isScope(value: unknown): boolean {
  return typeof value === 'string' && value.length <= 400 && scopePattern.test(value);
}

/** Whether a part of a signal's payload is a survey. */
export function isSurroundings(value: unknown): value is Surroundings {
  const { pool, zone, takenAt, shares } = (value ?? {}) as Partial<Surroundings>;
  return (
    [pool, zone].every((name) => name === undefined || isScope(`pool/${name}`)) &&
    !Number.isNaN(Date.parse(takenAt ?? '')) &&
    Array.isArray(shares) &&
    shares.length <= 10 &&
    shares.every(isShare)
  );
}

function isShare(value: unknown): value is Share {
  const { scope, unhealthy, total } = (value ?? {}) as Partial<Share>;
  return isScope(scope) && [unhealthy, total].every((count) => Number.isInteger(count));
}

/** How many of `total` may be unhealthy before only a person goes on. */
export function allowedUnhealthy(policy: GovernorPolicy, scope: string, total: number): number {
  const kind = scope.split('/')[0] as ShareKind;
  return Math.max(alwaysAllowed[kind], Math.floor(policy.maxUnhealthy[kind] * total));
}

/** Keeps what a survey found, unless something newer is known. */
export function takeSurvey(state: GovernorState, { takenAt, shares }: Surroundings, now: number) {
  // The clock of whoever looked may be ahead of ours.
  const at = Math.min(Date.parse(takenAt), now);
  for (const { scope, unhealthy, total } of shares) {
    if ((state.shares[scope]?.at ?? 0) <= at) state.shares[scope] = { unhealthy, total, at };
  }
}

/** Forgets surveys and overrides that are over. */
export function forgetShares(state: GovernorState, now: number): void {
  for (const [scope, { at }] of Object.entries(state.shares)) {
    if (at + believedForMs <= now) delete state.shares[scope];
  }
  for (const [scope, { until }] of Object.entries(state.overrides)) {
    if (Date.parse(until) <= now) delete state.overrides[scope];
  }
}

/** Shut while too much around a target is unhealthy, or nobody knows. */
export function shareGate(state: GovernorState, waiting: Waiting): Gate | undefined {
  for (const scope of waiting.scopes) {
    const surveyed = state.shares[scope];
    if (!surveyed) {
      return { gate: 'unsurveyed', reason: `it is not known how many of ${scope} are unhealthy` };
    }
    const gate = tooMany(state, scope, surveyed);
    if (gate && !overrideOf(state, scope)) return gate;
  }
  return undefined;
}

/** The override that holds for a scope, if any. */
export function overrideOf(state: GovernorState, scope: string): Override | undefined {
  return state.overrides[scope] ?? state.overrides[everyScope];
}

function tooMany(
  state: GovernorState,
  scope: string,
  { unhealthy, total, at }: SurveyedShare,
): Gate | undefined {
  const begun = Object.values(state.leases).filter((lease) => begunSince(lease, scope, at)).length;
  const allowed = allowedUnhealthy(state.policy, scope, total);
  if (unhealthy + begun <= allowed) return undefined;
  return {
    gate: 'unhealthy-share',
    // Without the count, which changes all the time and would be told again each time.
    reason: `more than ${allowed} of ${total} (${scope}) are unhealthy: only a person lets it go on, by homeostat override`,
  };
}

/** A node that is worked on since the survey may be out of service by now, and was not counted. */
function begunSince({ pool, zone, grantedAt }: Lease, scope: string, at: number): boolean {
  if (pool === undefined || grantedAt < at) return false;
  return scope === 'nodes' || scope === `pool/${pool}` || scope === `zone/${zone}`;
}
