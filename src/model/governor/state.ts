import type { Gate } from '../procedure';
import type { TargetHistory } from './attempts';
import type { FullAt } from './bucket';
import type { Claim } from './budgets';
import { defaultGovernorPolicy, type GovernorPolicy } from './policy';
import type { Override, SurveyedShare } from './shares';
import { phaseOf, type WindowPhase } from './windows';

/** A procedure's right to act on its target. Times in milliseconds since the epoch. */
export interface Lease extends Claim {
  workflowId: string;
  grantedAt: number;
  expiresAt: number;
  /** Why its holder must not act for now; it still keeps others from the target. */
  stopped?: Gate;
}

/** A request that is not granted yet. */
export interface Waiting extends Claim {
  workflowId: string;
  /** The shares that it heeds. */
  scopes: string[];
  since: number;
  /** Dropped when it is not asked for again until then. */
  expiresAt: number;
  /** What it was told last. */
  told?: Gate;
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
  /** By scope. */
  overrides: Record<string, Override>;
  /** By target key. */
  leases: Record<string, Lease>;
  /** By workflow id, in the order of asking. */
  waiting: Record<string, Waiting>;
  /** By target key; forgotten an hour after the last attempt. */
  history: Record<string, TargetHistory>;
  /** By scope, as surveyed last. */
  shares: Record<string, SurveyedShare>;
  bucketFullAt: FullAt;
  /** Beside the policy's windows. */
  phases: WindowPhase[];
}

/** An answer for a procedure. */
export type GovernorAnswer =
  | { workflowId: string; answer: 'granted'; until: string }
  | { workflowId: string; answer: 'refused'; gate: Gate };

export function newGovernorState(
  cluster: string,
  now: number,
  policy = defaultGovernorPolicy,
): GovernorState {
  return {
    ...{ cluster, policy, overrides: {}, leases: {}, waiting: {}, history: {}, shares: {} },
    bucketFullAt: now,
    phases: policy.windows.map((window) => phaseOf(window, now)),
  };
}

export function leaseOf(state: GovernorState, workflowId: string): Lease | undefined {
  return Object.values(state.leases).find((lease) => lease.workflowId === workflowId);
}
