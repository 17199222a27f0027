import fc from 'fast-check';
import {
  defaultGovernorPolicy,
  type GovernorState,
  gateOf,
  newGovernorState,
  nextChangeAt,
  receiveHalt,
  receiveRelease,
  receiveRequest,
  receiveResume,
  settle,
} from '../../src/model/governor';
import type { Target } from '../../src/model/target';

const policy = {
  maxConcurrent: 2,
  leaseTtlMs: 300_000,
  coolDownMs: 30_000,
  attemptsPerHour: 3,
};
const target = (name: string): Target => ({
  cluster: 'lab',
  kind: 'Deployment',
  namespace: 'shop',
  name,
});
const start = Date.parse('2026-01-01T00:00:00Z');

function ask(state: GovernorState, workflowId: string, name: string, now: number) {
  return [
    ...receiveRequest(state, { workflowId, target: target(name) }, now),
    ...settle(state, now),
  ];
}

describe('the governor', () => {
  let state: GovernorState;
  beforeEach(() => {
    state = newGovernorState('lab', policy);
  });

  test('grants a free target at once', () => {
    expect(ask(state, 'a', 'web', start)).toEqual([
      { workflowId: 'a', answer: 'granted', until: '2026-01-01T00:05:00.000Z' },
    ]);
  });

  test('says who holds a locked target, and grants it on release', () => {
    ask(state, 'a', 'web', start);
    expect(ask(state, 'b', 'web', start)).toMatchObject([
      {
        workflowId: 'b',
        answer: 'refused',
        gate: { gate: 'locked', reason: 'a holds the target' },
      },
    ]);
    receiveRelease(state, { workflowId: 'a', acted: false, failed: false }, start + 1);
    expect(settle(state, start + 1)).toMatchObject([{ workflowId: 'b', answer: 'granted' }]);
  });

  test('tells the same gate only once', () => {
    ask(state, 'a', 'web', start);
    expect(ask(state, 'b', 'web', start)).toHaveLength(1);
    expect(ask(state, 'b', 'web', start + 1_000)).toHaveLength(0);
  });

  test('lets a target cool down only after something was done', () => {
    ask(state, 'a', 'web', start);
    receiveRelease(state, { workflowId: 'a', acted: true, failed: false }, start);
    expect(ask(state, 'b', 'web', start)).toMatchObject([
      { gate: { gate: 'cooling-down', until: '2026-01-01T00:00:30.000Z' } },
    ]);
    expect(settle(state, start + policy.coolDownMs)).toMatchObject([{ answer: 'granted' }]);
  });

  test('waits ever longer between procedures that do not mend the target', () => {
    let now = start;
    const rests = ['a', 'b', 'c'].map((id) => {
      ask(state, id, 'web', now);
      receiveRelease(state, { workflowId: id, acted: false, failed: true }, now);
      const rest = Object.values(state.history)[0]!.coolDownUntil - now;
      now += rest;
      return rest;
    });
    expect(rests).toEqual([60_000, 120_000, 240_000]);
  });

  test('stops at the cap of attempts until the oldest is an hour ago', () => {
    let now = start;
    for (const id of ['a', 'b', 'c']) {
      ask(state, id, 'web', now);
      receiveRelease(state, { workflowId: id, acted: true, failed: false }, now);
      now += 60_000;
    }
    expect(ask(state, 'd', 'web', now)).toMatchObject([
      { gate: { gate: 'attempts-spent', until: '2026-01-01T01:00:00.000Z' } },
    ]);
    receiveRequest(state, { workflowId: 'd', target: target('web') }, start + 3_590_000);
    expect(settle(state, start + 3_600_000)).toMatchObject([{ answer: 'granted' }]);
  });

  test('keeps the cap on procedures at once, and serves in the order of asking', () => {
    ask(state, 'a', 'web', start);
    ask(state, 'b', 'api', start);
    expect(ask(state, 'c', 'worker', start)).toMatchObject([{ gate: { gate: 'budget-spent' } }]);
    ask(state, 'd', 'cron', start);
    receiveRelease(state, { workflowId: 'a', acted: false, failed: false }, start);
    expect(settle(state, start)).toMatchObject([{ workflowId: 'c', answer: 'granted' }]);
  });

  test('frees the lease of a dead procedure, and lets its target cool down', () => {
    ask(state, 'a', 'web', start);
    receiveRequest(state, { workflowId: 'b', target: target('web') }, start + 200_000);
    const lapsed = start + policy.leaseTtlMs;
    expect(settle(state, lapsed)).toMatchObject([{ gate: { gate: 'cooling-down' } }]);
    expect(settle(state, lapsed + 2 * policy.coolDownMs)).toMatchObject([
      { workflowId: 'b', answer: 'granted' },
    ]);
  });

  test('renews by asking again', () => {
    ask(state, 'a', 'web', start);
    ask(state, 'a', 'web', start + 200_000);
    settle(state, start + 400_000);
    expect(Object.values(state.leases)).toMatchObject([{ workflowId: 'a' }]);
  });

  test('halts holders and newcomers, and lets them go on after the resume', () => {
    ask(state, 'a', 'web', start);
    const halt = { by: 'ann', reason: 'maintenance', at: '2026-01-01T00:00:00Z' };
    expect(receiveHalt(state, halt)).toMatchObject([
      { workflowId: 'a', gate: { gate: 'halted', reason: 'halted by ann: maintenance' } },
    ]);
    expect(ask(state, 'b', 'api', start)).toMatchObject([{ gate: { gate: 'halted' } }]);
    expect(receiveResume(state, start)).toMatchObject([{ workflowId: 'a', answer: 'granted' }]);
    expect(settle(state, start)).toMatchObject([{ workflowId: 'b', answer: 'granted' }]);
  });

  test('has defaults that are within their own bounds', () => {
    expect(defaultGovernorPolicy.coolDownMs).toBeLessThan(defaultGovernorPolicy.leaseTtlMs);
  });
});

describe('the governor, whatever happens', () => {
  const ids = fc.constantFrom('a', 'b', 'c', 'd', 'e');
  const event = fc.record({
    kind: fc.constantFrom('request', 'release', 'halt', 'resume', 'wait'),
    id: ids,
    name: fc.constantFrom('web', 'api', 'worker'),
    acted: fc.boolean(),
    wait: fc.integer({ min: 0, max: 400_000 }),
  });

  test('never exceeds the budget, never grants while halted, never grants a held target', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const state = newGovernorState('lab', policy);
        let now = start;
        for (const { kind, id, name, acted, wait } of events) {
          const before = new Map(Object.values(state.leases).map((l) => [l.workflowId, l]));
          const wasHalted = kind === 'request' && state.halt !== undefined;
          // A procedure always asks for its own target, so its id names it.
          const request = { workflowId: `${id}-${name}`, target: target(name) };
          if (kind === 'request') receiveRequest(state, request, now);
          if (kind === 'release') receiveRelease(state, { ...request, acted, failed: !acted }, now);
          if (kind === 'halt') receiveHalt(state, { by: 'x', reason: 'y', at: '' });
          if (kind === 'resume') receiveResume(state, now);
          if (kind === 'wait') now += wait;
          const granted = settle(state, now).filter(({ answer }) => answer === 'granted');
          if (wasHalted) expect(granted).toEqual([]);
          for (const { workflowId } of granted) expect(before.has(workflowId)).toBe(false);
          expect(Object.keys(state.leases).length).toBeLessThanOrEqual(policy.maxConcurrent);
        }
      }),
    );
  });

  test('loses no request: whoever keeps asking is served in the end', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        const state = newGovernorState('lab', policy);
        let now = start;
        for (const { id, name, kind } of events) {
          const request = { workflowId: `${id}-${name}`, target: target(name) };
          if (kind === 'release')
            receiveRelease(state, { ...request, acted: true, failed: false }, now);
          else receiveRequest(state, request, now);
          settle(state, now);
        }
        const mine = { workflowId: 'mine', target: target('web') };
        for (let turn = 0; turn < 100; turn += 1) {
          receiveRequest(state, mine, now);
          settle(state, now);
          if (Object.values(state.leases).some(({ workflowId }) => workflowId === 'mine')) return;
          now = Math.max(now + 1, Math.min(nextChangeAt(state) ?? now + 60_000, now + 60_000));
        }
        throw new Error(`never served: ${JSON.stringify(gateOf(state, mine.target, now))}`);
      }),
    );
  });
});
