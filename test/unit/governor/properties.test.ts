import fc from 'fast-check';
import {
  nextChangeAt,
  receiveEnforce,
  receiveHalt,
  receiveOverride,
  receivePolicy,
  receiveRelease,
  receiveRequest,
  receiveResume,
  settle,
} from '../../../src/model/governor';
import type { GovernorPolicy } from '../../../src/model/governor/policy';
import { allowedUnhealthy, overrideOf } from '../../../src/model/governor/shares';
import {
  type GovernorAnswer,
  type GovernorState,
  newGovernorState,
} from '../../../src/model/governor/state';
import { type Target, targetKey } from '../../../src/model/target';
import { aroundNode, aroundWorkload, node, policyWith, start, target } from './support';

const hour = 3_600_000;

const policies: GovernorPolicy[] = [
  policyWith({ maxConcurrent: 2, maxConcurrentPerNamespace: 1, startsPerMinute: 6, startBurst: 2 }),
  policyWith({ maxConcurrent: 4, maxConcurrentPerPool: 2, startsPerMinute: 600, startBurst: 3 }),
  policyWith({
    windows: [
      {
        ...{ name: 'nights', kind: 'allow', cron: '0 */6 * * *', timeZone: 'UTC' },
        ...{ durationMs: 2 * hour, namespaces: [] },
      },
      {
        ...{ name: 'sale', kind: 'freeze', cron: '30 */6 * * *', timeZone: 'UTC' },
        ...{ durationMs: hour / 2, namespaces: ['shop'] },
      },
    ],
  }),
];

const targets: Target[] = [
  ...['web', 'api', 'cron'].map((name) => target(name)),
  target('web', 'bank'),
  ...['n1', 'n2', 'n3'].map(node),
];

const event = fc.record({
  kind: fc.constantFrom(
    ...(['request', 'request', 'request', 'release', 'wait'] as const),
    ...(['halt', 'resume', 'configure', 'override', 'enforce'] as const),
  ),
  target: fc.nat({ max: targets.length - 1 }),
  symptom: fc.constantFrom('crash-loop', 'oom-killed'),
  unhealthy: fc.nat({ max: 12 }),
  acted: fc.boolean(),
  failed: fc.boolean(),
  policy: fc.nat({ max: policies.length - 1 }),
  wait: fc.oneof(fc.nat({ max: 5_000 }), fc.nat({ max: 400_000 }), fc.nat({ max: 4 * hour })),
});

type Event = typeof event extends fc.Arbitrary<infer E> ? E : never;

/** A world that plays events against the model and keeps its own books. */
class World {
  readonly state: GovernorState = newGovernorState('lab', start, policies[0]!);
  now = start;
  /** Starts of leases, when. */
  readonly starts: number[] = [];
  /** What each procedure that still wants something was told last. */
  readonly wanting = new Map<string, { target: Target; told?: GovernorAnswer }>();
  lastReconfigured = start;

  play(one: Event): void {
    const about = targets[one.target]!;
    const workflowId = `heal:${targetKey(about)}:${one.symptom}`;
    const { state, now } = this;
    if (one.kind === 'request') this.ask(workflowId, about, one.unhealthy);
    if (one.kind === 'release') {
      receiveRelease(state, { workflowId, acted: one.acted, failed: one.failed }, now);
      this.wanting.delete(workflowId);
    }
    if (one.kind === 'wait') this.now += one.wait;
    if (one.kind === 'halt') receiveHalt(state, { by: 'x', reason: 'y', at: '' });
    if (one.kind === 'resume') receiveResume(state);
    if (one.kind === 'override') receiveOverride(state, { by: 'x', reason: 'y' }, now);
    if (one.kind === 'enforce') receiveEnforce(state);
    if (one.kind === 'configure') {
      receivePolicy(state, policies[one.policy]!, now);
      this.lastReconfigured = now;
    }
    this.settle();
  }

  ask(workflowId: string, about: Target, unhealthy: number): void {
    const surroundings =
      about.kind === 'Node' ? aroundNode(this.now, unhealthy) : aroundWorkload(this.now, unhealthy);
    this.wanting.set(workflowId, { ...this.wanting.get(workflowId), target: about });
    this.take(receiveRequest(this.state, { workflowId, target: about, surroundings }, this.now));
  }

  settle(): void {
    const before = new Set(Object.keys(this.state.leases));
    this.take(settle(this.state, this.now));
    for (const [key, lease] of Object.entries(this.state.leases)) {
      if (lease.grantedAt !== this.now || before.has(key)) continue;
      this.starts.push(this.now);
      this.checkGrant(key);
    }
    this.checkState();
  }

  /** What must be true of every new lease. */
  private checkGrant(key: string): void {
    const { state, now } = this;
    const lease = state.leases[key]!;
    const { policy } = state;
    const count = (same: (other: typeof lease) => boolean) =>
      Object.values(state.leases).filter(same).length;
    expect(state.halt).toBeUndefined();
    expect(count(() => true)).toBeLessThanOrEqual(policy.maxConcurrent);
    if (lease.target.namespace) {
      const { namespace } = lease.target;
      expect(count((other) => other.target.namespace === namespace)).toBeLessThanOrEqual(
        policy.maxConcurrentPerNamespace,
      );
    }
    if (lease.pool) {
      expect(count((other) => other.pool === lease.pool)).toBeLessThanOrEqual(
        policy.maxConcurrentPerPool,
      );
      expect(count((other) => other.zone === lease.zone)).toBeLessThanOrEqual(
        policy.maxConcurrentPerZone,
      );
    }
    const scopes = lease.pool ? ['nodes', 'pool/blue', 'zone/a'] : ['workloads'];
    for (const scope of scopes) {
      const share = state.shares[scope]!;
      if (overrideOf(state, scope)) continue;
      expect(share.unhealthy).toBeLessThanOrEqual(allowedUnhealthy(policy, scope, share.total));
    }
    for (const { kind, open, namespaces } of policy.windows.map((window, index) => ({
      ...window,
      ...state.phases[index]!,
    }))) {
      const applies = namespaces.length === 0 || namespaces.includes(lease.target.namespace ?? '');
      if (applies) expect(open).toBe(kind === 'allow');
    }
    const history = state.history[key];
    expect(history?.coolDownUntil ?? 0).toBeLessThanOrEqual(now);
    const recent = history?.attempts.filter((time) => time > now - hour) ?? [];
    expect(recent.length).toBeLessThan(policy.attemptsPerHour);
  }

  /** What must be true at all times. */
  private checkState(): void {
    const { state, now } = this;
    const holders = Object.values(state.leases).map(({ workflowId }) => workflowId);
    expect(new Set(holders).size).toBe(holders.length);
    for (const id of holders) expect(state.waiting[id]).toBeUndefined();
    // Whoever waits knows why; whoever is to act has not been told otherwise.
    for (const { told } of Object.values(state.waiting)) expect(told).toBeDefined();
    for (const { expiresAt } of Object.values(state.leases)) expect(expiresAt).toBeGreaterThan(now);
    const next = nextChangeAt(state);
    const anything = holders.length + Object.keys(state.waiting).length;
    if (anything > 0) expect(next).toBeGreaterThan(now);
    expect(Object.keys(state.history).length).toBeLessThanOrEqual(targets.length);
    expect(JSON.stringify(state).length).toBeLessThan(20_000);
  }

  /** Answers reach their procedures; one that is refused for good ends. */
  private take(answers: GovernorAnswer[]): void {
    for (const answer of answers) {
      const wanting = this.wanting.get(answer.workflowId);
      if (wanting) wanting.told = answer;
      if (answer.answer === 'refused' && answer.gate.final) this.wanting.delete(answer.workflowId);
    }
  }
}

/** Plays in a world of its own, and returns it. */
function play(events: Event[]): World {
  const world = new World();
  for (const one of events) world.play(one);
  return world;
}

const runs = { numRuns: 300 };

describe('the governor, whatever happens', () => {
  test('never exceeds a budget or a share, never gives one target twice, never grants against a gate', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 80 }), (events) => {
        play(events);
      }),
      runs,
    );
  });

  test('never starts more than the bucket holds', () => {
    const unchanged = event.filter(({ kind }) => kind !== 'configure');
    fc.assert(
      fc.property(fc.array(unchanged, { maxLength: 80 }), (events) => {
        const { starts, state } = play(events);
        const { startBurst, startsPerMinute } = state.policy;
        starts.forEach((from, index) => {
          starts.slice(index).forEach((to, more) => {
            expect(more + 1).toBeLessThanOrEqual(
              startBurst + ((to - from) / 60_000) * startsPerMinute,
            );
          });
        });
      }),
      runs,
    );
  });

  test('keeps every promise: until when a lease was granted, nobody else has the target', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 80 }), (events) => {
        const world = new World();
        for (const one of events) {
          world.play(one);
          for (const [workflowId, { told, target: about }] of world.wanting) {
            if (told?.answer !== 'granted' || Date.parse(told.until) <= world.now) continue;
            expect(world.state.leases[targetKey(about)]?.workflowId).toBe(workflowId);
          }
        }
      }),
      runs,
    );
  });

  test('loses no lease and forgets no request: in the end all who keep asking are served or refused for good', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const world = play(events);
        receiveResume(world.state);
        for (let turn = 0; turn < 3_000 && world.wanting.size > 0; turn += 1) {
          for (const [workflowId, { target: about, told }] of world.wanting) {
            if (told?.answer === 'granted' && Date.parse(told.until) > world.now) {
              receiveRelease(world.state, { workflowId, acted: true, failed: false }, world.now);
              world.wanting.delete(workflowId);
            } else world.ask(workflowId, about, 0);
          }
          world.settle();
          const next = nextChangeAt(world.state) ?? Infinity;
          world.now = Math.max(world.now + 1, Math.min(next, world.now + 60_000));
        }
        expect([...world.wanting.values()]).toEqual([]);
        world.now += 2 * hour;
        world.settle();
        expect(world.state).toMatchObject({ leases: {}, waiting: {}, history: {}, shares: {} });
      }),
      { numRuns: 100 },
    );
  });
});
