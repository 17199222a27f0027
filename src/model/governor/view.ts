import type { Gate } from '../procedure';
import { formatTarget, type Target } from '../target';
import { tokenAt, tokensIn } from './bucket';
import { budgetOf, useOf } from './budgets';
import { allowedUnhealthy, type Override, overrideOf } from './shares';
import type { GovernorState, Halt } from './state';

/** What the governor knows, for people and programs; times are RFC 3339. */
export interface GovernorView {
  cluster: string;
  halt: Halt | null;
  /** Budgets that are in use, and the cluster's. */
  budgets: { scope: string; used: number; budget: number }[];
  bucket: {
    tokens: number;
    burst: number;
    startsPerMinute: number;
    /** When the next procedure may begin; absent where one may now. */
    nextAt?: string;
  };
  shares: {
    scope: string;
    unhealthy: number;
    total: number;
    allowed: number;
    surveyedAt: string;
    /** Who lets work go on although the share is too large. */
    override: Override | null;
  }[];
  overrides: (Override & { scope: string })[];
  windows: {
    name: string;
    kind: 'allow' | 'freeze';
    namespaces: string[];
    open: boolean;
    until: string | null;
  }[];
  leases: {
    workflowId: string;
    target: Target;
    grantedAt: string;
    expiresAt: string;
    /** Why the holder must not act for now. */
    stopped: Gate | null;
  }[];
  waiting: { workflowId: string; target: Target; since: string; gate: Gate | null }[];
  limits: { coolDownMs: number; attemptsPerHour: number; leaseTtlMs: number };
}

/** The state as people and programs are told it; `now` in milliseconds since the epoch. */
export function viewOf(state: GovernorState, now: number): GovernorView {
  const { policy } = state;
  const { coolDownMs, attemptsPerHour, leaseTtlMs } = policy;
  const use = new Map([['cluster', 0], ...useOf(Object.values(state.leases))]);
  return {
    cluster: state.cluster,
    halt: state.halt ?? null,
    budgets: [...use].map(([scope, used]) => ({ scope, used, budget: budgetOf(policy, scope) })),
    bucket: bucketOf(state, now),
    shares: Object.entries(state.shares).map(([scope, { unhealthy, total, at }]) => ({
      ...{ scope, unhealthy, total },
      allowed: allowedUnhealthy(policy, scope, total),
      surveyedAt: iso(at),
      override: overrideOf(state, scope) ?? null,
    })),
    overrides: Object.entries(state.overrides).map(([scope, one]) => ({ scope, ...one })),
    windows: policy.windows.map(({ name, kind, namespaces }, index) => {
      const { open, until } = state.phases[index]!;
      return { name, kind, namespaces, open, until: until === undefined ? null : iso(until) };
    }),
    leases: Object.values(state.leases).map(({ workflowId, target, stopped, ...lease }) => ({
      ...{ workflowId, target },
      grantedAt: iso(lease.grantedAt),
      expiresAt: iso(lease.expiresAt),
      stopped: stopped ?? null,
    })),
    waiting: Object.values(state.waiting).map(({ workflowId, target, since, told }) => ({
      ...{ workflowId, target, since: iso(since), gate: told ?? null },
    })),
    limits: { coolDownMs, attemptsPerHour, leaseTtlMs },
  };
}

function bucketOf({ policy, bucketFullAt }: GovernorState, now: number): GovernorView['bucket'] {
  const { startBurst: burst, startsPerMinute } = policy;
  const next = tokenAt(bucketFullAt, policy, 1);
  return {
    ...{ tokens: tokensIn(bucketFullAt, policy, now), burst, startsPerMinute },
    ...(next > now && { nextAt: iso(next) }),
  };
}

/** So many rows of each table are shown in the Temporal UI. */
const mostRows = 50;

/** The state as the Temporal UI shows it, in Markdown. */
export function governorDetails(state: GovernorState, now: number, rejected: string): string {
  const all = Object.entries(state.waiting);
  const view = viewOf({ ...state, waiting: Object.fromEntries(all.slice(0, mostRows)) }, now);
  const { halt, bucket } = view;
  const more = all.length - mostRows;
  return [
    halt ? `### Halted by ${halt.by}: ${halt.reason}` : '### Working',
    ...(rejected ? ['', rejected] : []),
    '',
    `Starts: ${bucket.tokens} of ${bucket.burst} at once left, ${bucket.startsPerMinute} a minute`,
    ...table(
      ['Budget', 'Used', 'Of'],
      view.budgets.map(({ scope, used, budget }) => [scope, used, budget]),
    ),
    ...table(
      ['Unhealthy', 'Count', 'Of', 'Allowed', 'Override'],
      view.shares.map(({ scope, unhealthy, total, allowed, override }) => [
        ...[scope, unhealthy, total, allowed, override && `${override.by}: ${override.reason}`],
      ]),
    ),
    ...table(
      ['Window', 'Kind', 'Open', 'Until'],
      view.windows.map(({ name, kind, open, until }) => [name, kind, open ? 'yes' : 'no', until]),
    ),
    ...table(
      ['Target', 'Held by', 'Until', 'Stopped'],
      view.leases.map(({ target, workflowId, expiresAt, stopped }) => [
        ...[formatTarget(target), workflowId, expiresAt, stopped && gateText(stopped)],
      ]),
    ),
    ...table(
      ['Waiting', 'Gate', 'Until'],
      view.waiting.map(({ workflowId, gate }) => [
        ...[workflowId, gate && gateText(gate), gate?.until ?? null],
      ]),
    ),
    ...(more > 0 ? ['', `and ${more} more wait`] : []),
  ].join('\n');
}

function table(head: string[], rows: (string | number | null)[][]): string[] {
  if (rows.length === 0) return [];
  const line = (cells: (string | number | null)[]) =>
    `| ${cells
      .map((cell) =>
        String(cell ?? '')
          .replaceAll('|', '\\|')
          .replaceAll('\n', ' '),
      )
      .join(' | ')} |`;
  return ['', line(head), line(head.map(() => '---')), ...rows.slice(0, mostRows).map(line)];
}

const gateText = ({ gate, reason }: Gate) => `${gate}: ${reason}`;

const iso = (time: number) => new Date(time).toISOString();
