import { type MaintenanceWindow, windowProblem } from './windows';

/** What a share of unhealthy things is taken of: all nodes, one pool's, one zone's, or all workloads. */
export type ShareKind = 'nodes' | 'pool' | 'zone' | 'workloads';

/** Limits that the governor keeps. Times in milliseconds, shares from 0 to 1. */
export interface GovernorPolicy {
  /** Procedures that may hold a lease at once. */
  maxConcurrent: number;
  /** Of these, on targets of one namespace. */
  maxConcurrentPerNamespace: number;
  /** Of these, on nodes of one pool. */
  maxConcurrentPerPool: number;
  /** Of these, on nodes of one zone. */
  maxConcurrentPerZone: number;
  /** Largest unhealthy shares; above them only a person goes on. */
  maxUnhealthy: Record<ShareKind, number>;
  /** How many procedures may begin, in the long run. */
  startsPerMinute: number;
  /** How many may begin at once after a quiet time. */
  startBurst: number;
  /** A lease that is not renewed within so long lapses. */
  leaseTtlMs: number;
  /** How long a target rests after a procedure that acted on it; doubled for every failure in a row. */
  coolDownMs: number;
  /** Procedures that may act on one target within an hour. */
  attemptsPerHour: number;
  /** When procedures may act, and when they may not. */
  windows: MaintenanceWindow[];
}

export const defaultGovernorPolicy: GovernorPolicy = {
  maxConcurrent: 20,
  maxConcurrentPerNamespace: 20,
  maxConcurrentPerPool: 1,
  maxConcurrentPerZone: 1,
  maxUnhealthy: { nodes: 0.2, pool: 0.2, zone: 0.2, workloads: 0.5 },
  startsPerMinute: 60,
  startBurst: 20,
  leaseTtlMs: 5 * 60_000,
  coolDownMs: 30_000,
  attemptsPerHour: 5,
  windows: [],
};

const atLeastOne = [
  ...['maxConcurrent', 'maxConcurrentPerNamespace', 'maxConcurrentPerPool'],
  ...['maxConcurrentPerZone', 'startsPerMinute', 'startBurst', 'leaseTtlMs', 'attemptsPerHour'],
];

/**
 * Whether a signal's payload is a policy.
 * @param now milliseconds since the epoch, from which on its windows must come.
 */
export function isGovernorPolicy(value: unknown, now: number): value is GovernorPolicy {
  const policy = (value ?? {}) as Record<string, unknown>;
  const shares = (policy.maxUnhealthy ?? {}) as Record<string, unknown>;
  return (
    atLeastOne.every((key) => isWithin(policy[key], 1, Infinity)) &&
    isWithin(policy.coolDownMs, 0, Infinity) &&
    Object.keys(defaultGovernorPolicy.maxUnhealthy).every((kind) => isWithin(shares[kind], 0, 1)) &&
    Array.isArray(policy.windows) &&
    policy.windows.every((window) => windowProblem(window, now) === undefined)
  );
}

function isWithin(value: unknown, least: number, most: number): boolean {
  return typeof value === 'number' && value >= least && value <= most && !Number.isNaN(value);
}
