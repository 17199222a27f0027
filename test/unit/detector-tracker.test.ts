import { type Look, Tracker } from '../../src/client/detector/tracker';
import { healWorkflowId, type Target } from '../../src/model/target';

const target: Target = { cluster: 'lab', kind: 'Deployment', namespace: 'shop', name: 'web' };
const now = Date.parse('2026-01-01T12:00:00Z');
const iso = (offset: number) => new Date(now + offset).toISOString();

function look(pod: string, episode: string, due?: number, seenAt?: number): Look {
  const finding = { since: iso(-5_000), due: iso(due ?? 0), message: 'it crashes' };
  const sightings = due === undefined ? [] : [{ symptom: 'crash-loop', target, finding }];
  return { object: `Pod/shop/${pod}`, episode, sightings, seenAt };
}

test('three pods of one workload are one incident, each told once', () => {
  const tracker = new Tracker();
  const reports = ['a', 'b', 'c', 'a'].flatMap(
    (pod) => tracker.look(look(pod, `${pod}/1`, -1), now).reports,
  );
  expect(reports.map(({ observation }) => observation.object)).toEqual([
    'Pod/shop/a',
    'Pod/shop/b',
    'Pod/shop/c',
  ]);
  expect(new Set(reports.map(({ workflowId }) => workflowId))).toEqual(
    new Set([healWorkflowId(target, 'crash-loop')]),
  );
});

test('the next crash of the same pod is told again, and a pod that came anew as well', () => {
  const tracker = new Tracker();
  const told = (episode: string) => tracker.look(look('a', episode, -1), now).reports.length;
  expect([told('u1/1'), told('u1/1'), told('u1/2'), told('u2/2')]).toEqual([1, 0, 1, 1]);
});

test('what is not due is not told, but looked at again then', () => {
  const tracker = new Tracker();
  expect(tracker.look(look('a', 'u1/0', 45_000), now)).toEqual({
    reports: [],
    again: now + 45_000,
  });
  const { reports } = tracker.look(look('a', 'u1/0', 45_000), now + 45_000);
  expect(reports).toHaveLength(1);
  expect(reports[0]?.observation.seenAt).toBe(iso(45_000));
});

test('a fault is seen when it was seen, and since it was due where nobody looked before', () => {
  const seenAt = (look: Look) => new Tracker().look(look, now).reports[0]?.observation.seenAt;
  expect(seenAt(look('a', 'u1/1', -4_000, now - 3))).toBe(iso(-3));
  expect(seenAt(look('a', 'u1/1', -4_000))).toBe(iso(-4_000));
});

test('an incident recovers once no object shows the fault, and is then forgotten', () => {
  const tracker = new Tracker();
  tracker.look(look('a', 'a/1', -1), now);
  tracker.look(look('b', 'b/1', -1), now);
  tracker.look(look('a', 'a/1'), now);
  expect(tracker.mayHaveRecovered(target)).toBe(false);
  expect(tracker.recovered(target, 'all is well', now)).toEqual([]);
  tracker.forget('Pod/shop/b');
  expect(tracker.mayHaveRecovered(target)).toBe(true);
  const [report, ...others] = tracker.recovered(target, 'all is well', now);
  expect(others).toEqual([]);
  expect(report).toMatchObject({
    workflowId: healWorkflowId(target, 'crash-loop'),
    observation: {
      object: 'Deployment/shop/web',
      state: 'recovered',
      message: 'all is well',
      seenAt: iso(0),
    },
  });
  expect(tracker.mayHaveRecovered(target)).toBe(false);
});

test('a healing that ran before is told of the recovery too', () => {
  const tracker = new Tracker();
  tracker.seed(target, 'rollout-stuck');
  expect(tracker.recovered(target, 'all is well', now)).toHaveLength(1);
});

test('a workload that is stuck again after a recovery is told again, at the same generation', () => {
  const tracker = new Tracker();
  const finding = { since: iso(-9), due: iso(-9), message: 'stuck' };
  const stuck = (there: boolean): Look => ({
    object: 'Deployment/shop/web',
    episode: 'u1/7',
    sightings: there ? [{ symptom: 'rollout-stuck', target, finding }] : [],
  });
  expect(tracker.look(stuck(true), now).reports).toHaveLength(1);
  tracker.look(stuck(false), now);
  expect(tracker.recovered(target, 'all is well', now)).toHaveLength(1);
  expect(tracker.look(stuck(true), now).reports).toHaveLength(1);
});
