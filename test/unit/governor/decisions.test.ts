import {
  mostWaiting,
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
import { carried } from '../../../src/model/governor/carry';
import { checkOverride, isLeaseRequest } from '../../../src/model/governor/messages';
import { defaultGovernorPolicy, isGovernorPolicy } from '../../../src/model/governor/policy';
import { type GovernorState, newGovernorState } from '../../../src/model/governor/state';
import { governorDetails, viewOf } from '../../../src/model/governor/view';
import { aroundNode, aroundWorkload, ask, node, policyWith, start, target } from './support';

const halt = { by: 'ann', reason: 'maintenance', at: '2026-01-01T00:00:00Z' };

const shares = defaultGovernorPolicy.maxUnhealthy;

let state: GovernorState;

function governs(policy: Parameters<typeof policyWith>[0] = {}): void {
  state = newGovernorState('lab', start, policyWith(policy));
}

function release(workflowId: string, now: number, acted = false, failed = false) {
  receiveRelease(state, { workflowId, acted, failed }, now);
  return settle(state, now);
}

beforeEach(() => governs());

describe('leases', () => {
  test('a free target is granted at once', () => {
    expect(ask(state, 'a', 'web', start)).toEqual([
      { workflowId: 'a', answer: 'granted', until: '2026-01-01T00:05:00.000Z' },
    ]);
  });

  test('who holds a locked target is said, and it is granted on release', () => {
    ask(state, 'a', 'web', start);
    expect(ask(state, 'b', 'web', start)).toMatchObject([
      {
        workflowId: 'b',
        answer: 'refused',
        gate: { gate: 'locked', reason: 'a holds the target' },
      },
    ]);
    expect(release('a', start + 1)).toMatchObject([{ workflowId: 'b', answer: 'granted' }]);
  });

  test('the same gate is told only once', () => {
    ask(state, 'a', 'web', start);
    expect(ask(state, 'b', 'web', start)).toHaveLength(1);
    expect(ask(state, 'b', 'web', start + 1_000)).toHaveLength(0);
  });

  test('the lease of a dead procedure comes free, and its target cools down', () => {
    ask(state, 'a', 'web', start);
    receiveRequest(state, { workflowId: 'b', target: target('web') }, start + 200_000);
    const lapsed = start + defaultGovernorPolicy.leaseTtlMs;
    expect(nextChangeAt(state)).toBe(lapsed);
    expect(settle(state, lapsed)).toMatchObject([{ gate: { gate: 'cooling-down' } }]);
    expect(settle(state, lapsed + 60_000)).toMatchObject([{ workflowId: 'b', answer: 'granted' }]);
  });

  test('asking again renews', () => {
    ask(state, 'a', 'web', start);
    ask(state, 'a', 'web', start + 200_000);
    settle(state, start + 400_000);
    expect(Object.values(state.leases)).toMatchObject([{ workflowId: 'a' }]);
  });

  test('who has lost its lease is treated as a newcomer', () => {
    ask(state, 'a', 'web', start);
    const late = start + defaultGovernorPolicy.leaseTtlMs;
    expect(ask(state, 'b', 'web', late)).toMatchObject([{ gate: { gate: 'cooling-down' } }]);
    expect(ask(state, 'a', 'web', late + 1)).toMatchObject([{ gate: { gate: 'cooling-down' } }]);
    expect(settle(state, late + 60_000)).toMatchObject([
      { workflowId: 'b', answer: 'granted' },
      { workflowId: 'a', gate: { gate: 'locked' } },
    ]);
  });

  test('a waiting request that is not asked for again is dropped', () => {
    ask(state, 'a', 'web', start);
    ask(state, 'b', 'web', start);
    receiveRequest(state, { workflowId: 'a', target: target('web') }, start + 200_000);
    settle(state, start + defaultGovernorPolicy.leaseTtlMs);
    expect(state.waiting).toEqual({});
  });
});

describe('cool-down and attempts', () => {
  test('a target cools down only after something was done', () => {
    ask(state, 'a', 'web', start);
    release('a', start, true);
    expect(ask(state, 'b', 'web', start)).toMatchObject([
      { gate: { gate: 'cooling-down', until: '2026-01-01T00:00:30.000Z' } },
    ]);
    expect(settle(state, start + 30_000)).toMatchObject([{ answer: 'granted' }]);
  });

  test('it rests ever longer while procedures do not mend it', () => {
    let now = start;
    const rests = ['a', 'b', 'c'].map((id) => {
      ask(state, id, 'web', now);
      release(id, now, false, true);
      const rest = Object.values(state.history)[0]!.coolDownUntil - now;
      now += rest;
      return rest;
    });
    expect(rests).toEqual([60_000, 120_000, 240_000]);
  });

  test('at the cap one procedure ends and tells a person; the next waits until there is an attempt again', () => {
    let now = start;
    for (const id of ['a', 'b', 'c']) {
      ask(state, id, 'web', now);
      release(id, now, true);
      now += 60_000;
    }
    const spent = { gate: 'attempts-spent', until: '2026-01-01T01:00:00.000Z' };
    expect(ask(state, 'd', 'web', now)).toEqual([
      {
        workflowId: 'd',
        answer: 'refused',
        gate: expect.objectContaining({ ...spent, final: true }),
      },
    ]);
    expect(state.waiting).toEqual({});
    const [second] = ask(state, 'e', 'web', start + 3_590_000);
    expect(second).toMatchObject({ workflowId: 'e', gate: spent });
    expect(second).not.toMatchObject({ gate: { final: true } });
    expect(settle(state, start + 3_600_000)).toMatchObject([
      { workflowId: 'e', answer: 'granted' },
    ]);
    release('e', start + 3_600_000, true);
    expect(ask(state, 'f', 'web', start + 3_630_000)).toMatchObject([{ gate: { final: true } }]);
  });
});

describe('budgets', () => {
  test('of the cluster, served in the order of asking', () => {
    governs({ maxConcurrent: 2 });
    ask(state, 'a', 'web', start);
    ask(state, 'b', 'api', start);
    expect(ask(state, 'c', 'worker', start)).toMatchObject([
      { gate: { gate: 'budget-spent', reason: 'at most 2 procedures at once in the cluster' } },
    ]);
    ask(state, 'd', 'cron', start);
    expect(release('a', start)).toMatchObject([{ workflowId: 'c', answer: 'granted' }]);
  });

  test('of a namespace: who waits for it holds up nobody else', () => {
    governs({ maxConcurrentPerNamespace: 1 });
    ask(state, 'a', 'web', start);
    expect(ask(state, 'b', 'api', start)).toMatchObject([
      { gate: { reason: 'at most 1 procedure at once in namespace shop' } },
    ]);
    expect(ask(state, 'c', target('api', 'bank'), start)).toMatchObject([{ answer: 'granted' }]);
    expect(release('a', start)).toMatchObject([{ workflowId: 'b', answer: 'granted' }]);
  });

  test('of a pool and of a zone', () => {
    governs({ maxConcurrentPerZone: 2, maxUnhealthy: { ...shares, zone: 1 } });
    ask(state, 'a', node('n1'), start, aroundNode(start, 1, 'blue', 'a'));
    expect(ask(state, 'b', node('n2'), start, aroundNode(start, 1, 'blue', 'b'))).toMatchObject([
      { gate: { reason: 'at most 1 procedure at once in pool blue' } },
    ]);
    const green = (id: string, pool: string) =>
      ask(state, id, node(id), start, aroundNode(start, 1, pool, 'a'));
    expect(green('c', 'green')).toMatchObject([{ answer: 'granted' }]);
    expect(green('d', 'red')).toMatchObject([
      { gate: { reason: 'at most 2 procedures at once in zone a' } },
    ]);
  });
});

describe('unhealthy shares', () => {
  test('above a share only a person goes on, and no longer than the override lasts', () => {
    const now = start;
    expect(ask(state, 'a', node('n1'), now, aroundNode(now, 3))).toMatchObject([
      {
        gate: {
          gate: 'unhealthy-share',
          reason: expect.stringContaining('more than 2 of 10 (pool/blue) are unhealthy'),
        },
      },
    ]);
    receiveOverride(state, { by: 'ann', reason: 'seen', scope: 'pool/blue' }, now);
    expect(settle(state, now)).toMatchObject([
      { gate: { reason: expect.stringContaining('(zone/a)') } },
    ]);
    receiveOverride(state, { by: 'ann', reason: 'seen' }, now);
    expect(settle(state, now)).toMatchObject([{ workflowId: 'a', answer: 'granted' }]);
    expect(
      ask(state, 'b', node('n2'), now + 3_600_000, aroundNode(now + 3_600_000, 3)),
    ).toMatchObject([{ gate: { gate: 'unhealthy-share' } }]);
  });

  test('an override can be taken back', () => {
    receiveOverride(state, { by: 'ann', reason: 'seen' }, start);
    receiveEnforce(state);
    expect(ask(state, 'a', node('n1'), start, aroundNode(start, 3))).toMatchObject([
      { gate: { gate: 'unhealthy-share' } },
    ]);
  });

  test('one node of a small pool, and five workloads of a small cluster, may always be unhealthy', () => {
    const alone = aroundNode(start, 1);
    for (const share of alone.shares) share.total = 1;
    expect(ask(state, 'a', node('n1'), start, alone)).toMatchObject([{ answer: 'granted' }]);
    expect(ask(state, 'b', 'web', start, aroundWorkload(start, 5, 5))).toMatchObject([
      { answer: 'granted' },
    ]);
    expect(ask(state, 'c', 'api', start, aroundWorkload(start, 6, 6))).toMatchObject([
      { gate: { gate: 'unhealthy-share' } },
    ]);
  });

  test('the gate opens with a survey that finds things better, whoever brings it', () => {
    ask(state, 'a', 'web', start, aroundWorkload(start, 20));
    const later = start + 60_000;
    expect(ask(state, 'b', 'api', later, aroundWorkload(later, 1))).toMatchObject([
      { workflowId: 'a', answer: 'granted' },
      { workflowId: 'b', answer: 'granted' },
    ]);
  });

  test('an older survey does not stand against a newer one', () => {
    ask(state, 'a', 'web', start, aroundWorkload(start, 1));
    expect(ask(state, 'b', 'api', start, aroundWorkload(start - 5_000, 20))).toMatchObject([
      { workflowId: 'b', answer: 'granted' },
    ]);
  });

  test('nodes that are worked on since the survey count', () => {
    governs({ maxConcurrentPerPool: 5, maxConcurrentPerZone: 5 });
    const survey = aroundNode(start, 1);
    const answers = ['n1', 'n2', 'n3'].map(
      (name) => ask(state, name, node(name), start, survey)[0],
    );
    expect(answers).toMatchObject([
      { answer: 'granted' },
      { answer: 'granted' },
      { answer: 'refused', gate: { gate: 'unhealthy-share' } },
    ]);
  });

  test('what is not known any more is no licence', () => {
    governs({ maxConcurrent: 1 });
    ask(state, 'a', 'web', start);
    ask(state, 'b', 'api', start, aroundWorkload(start));
    const later = start + 200_000;
    expect(release('a', later)).toMatchObject([{ workflowId: 'b', gate: { gate: 'unsurveyed' } }]);
    expect(ask(state, 'b', 'api', later, aroundWorkload(later))).toMatchObject([
      { answer: 'granted' },
    ]);
  });
});

describe('the token bucket', () => {
  const rate = { startsPerMinute: 60, startBurst: 2 };

  test('lets a few begin at once and the rest one after the other, and tells each its turn', () => {
    governs(rate);
    for (const name of ['a', 'b', 'c', 'd']) {
      receiveRequest(state, { workflowId: name, target: target(name) }, start);
    }
    expect(settle(state, start)).toMatchObject([
      { workflowId: 'a', answer: 'granted' },
      { workflowId: 'b', answer: 'granted' },
      { workflowId: 'c', gate: { gate: 'rate-limited', until: '2026-01-01T00:00:01.000Z' } },
      { workflowId: 'd', gate: { gate: 'rate-limited', until: '2026-01-01T00:00:02.000Z' } },
    ]);
    expect(nextChangeAt(state)).toBe(start + 1_000);
    expect(settle(state, start + 999)).toEqual([]);
    expect(settle(state, start + 1_000)).toMatchObject([{ workflowId: 'c', answer: 'granted' }]);
    expect(settle(state, start + 2_000)).toMatchObject([{ workflowId: 'd', answer: 'granted' }]);
  });

  test('work is released gradually after a halt, holders first', () => {
    governs(rate);
    ask(state, 'a', 'web', start);
    ask(state, 'b', 'api', start);
    receiveHalt(state, halt);
    expect(settle(state, start)).toMatchObject([
      { workflowId: 'a', gate: { gate: 'halted', reason: 'halted by ann: maintenance' } },
      { workflowId: 'b', gate: { gate: 'halted' } },
    ]);
    expect(ask(state, 'c', 'cron', start)).toMatchObject([{ gate: { gate: 'halted' } }]);
    expect(ask(state, 'a', 'web', start + 1)).toMatchObject([{ gate: { gate: 'halted' } }]);
    receiveResume(state);
    expect(settle(state, start + 1_000)).toMatchObject([
      { workflowId: 'a', answer: 'granted' },
      { workflowId: 'b', gate: { gate: 'rate-limited' } },
      { workflowId: 'c', gate: { gate: 'rate-limited' } },
    ]);
    expect(settle(state, start + 2_000)).toMatchObject([{ workflowId: 'b', answer: 'granted' }]);
    expect(settle(state, start + 3_000)).toMatchObject([{ workflowId: 'c', answer: 'granted' }]);
  });

  test('another rate holds at once', () => {
    governs({ startsPerMinute: 1, startBurst: 1 });
    ask(state, 'a', 'a', start);
    ask(state, 'b', 'b', start);
    receivePolicy(state, policyWith({ startsPerMinute: 60, startBurst: 1 }), start);
    expect(settle(state, start + 1_000)).toMatchObject([{ workflowId: 'b', answer: 'granted' }]);
  });
});

describe('maintenance windows', () => {
  const nightly = {
    ...{ name: 'nights', kind: 'allow' as const, cron: '0 22 * * *', timeZone: 'UTC' },
    ...{ durationMs: 2 * 3_600_000, namespaces: [] },
  };

  test('nothing begins outside, and what has begun stops in time', () => {
    governs({ windows: [nightly] });
    expect(ask(state, 'a', 'web', start)).toMatchObject([
      { gate: { gate: 'outside-window', until: '2026-01-01T22:00:00.000Z' } },
    ]);
    const open = Date.parse('2026-01-01T23:58:00Z');
    expect(ask(state, 'a', 'web', open)).toMatchObject([
      { answer: 'granted', until: '2026-01-02T00:00:00.000Z' },
    ]);
    expect(nextChangeAt(state)).toBe(Date.parse('2026-01-02T00:00:00Z'));
    expect(settle(state, nextChangeAt(state)!)).toMatchObject([
      { workflowId: 'a', gate: { gate: 'outside-window', until: '2026-01-02T22:00:00.000Z' } },
    ]);
  });

  test('a freeze of some namespaces leaves the others alone', () => {
    governs({
      windows: [
        { ...nightly, name: 'sale', kind: 'freeze', cron: '0 0 * * *', namespaces: ['shop'] },
      ],
    });
    expect(ask(state, 'a', 'web', start)).toMatchObject([
      {
        gate: {
          gate: 'frozen',
          reason: 'the freeze sale is on',
          until: '2026-01-01T02:00:00.000Z',
        },
      },
    ]);
    expect(ask(state, 'b', target('web', 'bank'), start)).toMatchObject([{ answer: 'granted' }]);
    expect(ask(state, 'c', node('n1'), start)).toMatchObject([{ answer: 'granted' }]);
    expect(settle(state, start + 2 * 3_600_000)).toEqual([]);
    expect(ask(state, 'd', 'web', start + 2 * 3_600_000)).toMatchObject([{ answer: 'granted' }]);
  });
});

describe('bounds', () => {
  const crowd = (count: number, now: number) => {
    for (let index = 0; index < count; index += 1) {
      const name = `web-${index}`;
      receiveRequest(
        state,
        { workflowId: `heal:lab:shop:Deployment:${name}`, target: target(name) },
        now,
      );
    }
  };

  test('a line of thousands is told once, and only so many are kept', () => {
    crowd(mostWaiting + 1, start);
    const answers = settle(state, start);
    expect(answers).toHaveLength(mostWaiting + 1);
    expect(answers.filter(({ answer }) => answer === 'granted')).toHaveLength(20);
    expect(Object.keys(state.waiting)).toHaveLength(mostWaiting - 20);
    expect(settle(state, start)).toEqual([]);
    receiveRelease(
      state,
      { workflowId: Object.values(state.leases)[0]!.workflowId, acted: false, failed: false },
      start + 30_000,
    );
    expect(settle(state, start + 30_000)).toHaveLength(1);
  });

  test('a line that no server would take is carried in part', () => {
    crowd(mostWaiting, start);
    settle(state, start);
    for (const waiting of Object.values(state.waiting)) waiting.told!.reason = 'x'.repeat(1_000);
    const next = carried(state);
    expect(JSON.stringify(next).length).toBeLessThan(1_600_000);
    expect(Object.keys(next.waiting).length).toBeGreaterThan(1_000);
    expect(next.leases).toEqual(state.leases);
  });

  test('the details in the UI stay short', () => {
    crowd(mostWaiting, start);
    settle(state, start);
    expect(governorDetails(state, start, '').length).toBeLessThan(20_000);
    expect(viewOf(state, start).waiting).toHaveLength(mostWaiting - 20);
  });
});

describe('payloads', () => {
  test.each([
    [{ by: 'ann' }, 'field "reason" is missing'],
    [{ by: 'ann', reason: 'x', scope: 'everything' }, 'field "scope" is "everything": name nodes'],
    [{ by: 'ann', reason: 'x', until: 'soon' }, 'field "until" is "soon": give a time within'],
    [{ by: 'ann', reason: 'x', until: '2025-12-31T00:00:00Z' }, 'give a time within'],
    [{ by: 'ann', reason: 'x', until: '2026-01-03T00:00:00Z' }, 'give a time within'],
  ])('an override %j is refused', (payload, message) => {
    expect(() => checkOverride(payload, start)).toThrow(message);
  });

  test.each([
    [{ takenAt: 'today', shares: [] }],
    [{ takenAt: '2026-01-01T00:00:00Z', shares: [{ scope: 'moon', unhealthy: 1, total: 2 }] }],
    [{ takenAt: '2026-01-01T00:00:00Z', shares: [{ scope: 'nodes', unhealthy: '1', total: 2 }] }],
    ['nonsense'],
  ])('a request with the survey %j is none', (surroundings) => {
    expect(isLeaseRequest({ workflowId: 'a', target: target('web'), surroundings })).toBe(false);
  });

  test.each([
    [{ maxConcurrent: 0 }],
    [{ startsPerMinute: Number.NaN }],
    [{ maxUnhealthy: { nodes: 2, pool: 0.2, zone: 0.2, workloads: 0.5 } }],
    [{ windows: [{}] }],
    [{ windows: undefined }],
  ])('%j is no policy', (more) => {
    expect(isGovernorPolicy({ ...defaultGovernorPolicy, ...more }, start)).toBe(false);
    expect(isGovernorPolicy(defaultGovernorPolicy, start)).toBe(true);
  });
});
