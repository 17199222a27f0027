import { exitCodeOf } from '../../src/client/cli/procedures';
import { uniqueId } from '../../src/client/procedures/find';
import { type ProcedureItem, parseTargetKey, queryOf } from '../../src/client/procedures/items';
import { whoActs } from '../../src/client/procedures/messages';
import { nearest } from '../../src/client/procedures/nearest';
import { ageOf, tableOf } from '../../src/client/procedures/print';
import { parseObject } from '../../src/client/procedures/targets';
import { targetKey } from '../../src/model/target';

const item = (id: string, more: Partial<ProcedureItem> = {}): ProcedureItem => ({
  ...{ id, runId: 'r', family: 'healing', type: 'heal', symptom: 'crash-loop', phase: 'done' },
  ...{ outcome: 'healed', blockedBy: null, startedAt: '2026-01-01T00:00:00Z', status: 'completed' },
  target: parseTargetKey(id.split(':').slice(1, 5).join(':')),
  ...{ endedAt: '2026-01-01T00:01:00Z', url: null },
  ...more,
});

const web = item('heal:lab:shop:Deployment:web:crash-loop');
const api = item('heal:lab:shop:Deployment:api:crash-loop');

describe('a procedure is found', () => {
  test.each([
    ['by a part of its id', 'Deployment:web'],
    ['by its target', 'shop/deployment/web'],
    ['by its kind and name', 'Deployment/web'],
    ['by its name', 'web'],
  ])('%s', (_, wanted) => expect(uniqueId(wanted, [web, api])).toBe(web.id));

  test('where several fit, the one that runs', () => {
    const running = item(`${web.id}-2`, { endedAt: null });
    expect(uniqueId('web', [web, running])).toBe(running.id);
  });

  test('not where several fit equally, or none', () => {
    expect(() => uniqueId('shop', [web, api])).toThrow(
      /procedure "shop": 2 fit, name one of heal:/,
    );
    expect(() => uniqueId('db', [web, api])).toThrow(/there is none/);
  });
});

describe('the query of a listing', () => {
  test('quotes what people write', () => {
    expect(queryOf({ namespace: "o'x", limit: 1 }, 'lab')).toBe(
      "HomeostatFamily IS NOT NULL AND HomeostatTarget STARTS_WITH 'lab:o''x:' AND ExecutionStatus != 'ContinuedAsNew'",
    );
  });

  test('asks for what runs, of one family', () => {
    expect(queryOf({ family: 'chaos', running: true, limit: 1 }, 'lab')).toBe(
      "HomeostatFamily = 'chaos' AND ExecutionStatus = 'Running'",
    );
  });
});

describe('a target key', () => {
  test.each([
    { cluster: 'lab', kind: 'Deployment', namespace: 'shop', name: 'web' },
    { cluster: 'lab', kind: 'Node', name: 'node-1' },
    { cluster: 'lab', kind: 'ClusterRole', name: 'system:node' },
  ])('is read back: %j', (target) => expect(parseTargetKey(targetKey(target))).toEqual(target));

  test.each([null, '', 'lab', 'lab:shop:Deployment'])('%j is none', (key) =>
    expect(parseTargetKey(key)).toBeNull(),
  );
});

describe('an object', () => {
  test.each([
    ['deploy/web', 'Deployment'],
    ['Deployments/web', 'Deployment'],
    ['sts/web', 'StatefulSet'],
    ['ds/web', 'DaemonSet'],
    ['po/web', 'Pod'],
  ])('%s is a %s', (text, kind) => expect(parseObject(text)).toEqual({ kind, name: 'web' }));

  test.each(['web', 'deploy/', '/web', 'a/b/c', 'svc/web'])('%s is refused', (text) =>
    expect(() => parseObject(text)).toThrow(/write it as kind\/name|known are/),
  );
});

describe('who acts', () => {
  test('is who is named, else the user at this host', () => {
    expect(whoActs('ann@example.org', {})).toBe('ann@example.org');
    expect(whoActs(undefined, { USER: 'ann' })).toMatch(/^ann@./);
  });

  test.each(['', '  '])('%j is nobody', (by) =>
    expect(() => whoActs(by, { USER: 'ann' })).toThrow(/name who acts/),
  );
});

test('the nearest name is offered only when it is near', () => {
  expect(nearest('crash-lop', ['crash-loop', 'rollout-stuck'])).toBe(
    ' (did you mean "crash-loop"?)',
  );
  expect(nearest('gremlins', ['crash-loop', 'rollout-stuck'])).toBe('');
});

test('exit codes', () => {
  expect(
    ['healed', 'already-healthy', 'completed', 'passed'].map((o) => exitCodeOf(o as 'healed')),
  ).toEqual([0, 0, 0, 0]);
  expect([exitCodeOf('escalated'), exitCodeOf('denied'), exitCodeOf(null)]).toEqual([1, 1, 1]);
});

test('tables have no frames, and nothing in them reaches the terminal as a command', () => {
  expect(tableOf(['A', 'B'], [['x\u001b[2J\ny', null]])).toBe('A         B\nx [2J y   -');
});

test('ages read as kubectl writes them', () => {
  const now = Date.parse('2026-01-03T00:00:00Z');
  const ages = [
    '2026-01-02T23:59:18Z',
    '2026-01-02T23:50:00Z',
    '2026-01-02T12:00:00Z',
    '2026-01-01T00:00:00Z',
  ];
  expect(ages.map((time) => ageOf(time, now))).toEqual(['42s', '10m', '12h', '2d']);
});
