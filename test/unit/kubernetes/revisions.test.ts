import { wasGood } from '../../../src/model/healing';
import { hasSteadyPods, isSteady } from '../../../src/model/kubernetes/availability';
import { availableMark, faultyMark } from '../../../src/model/kubernetes/owners';
import {
  currentOf,
  deservesAvailableMark,
  markFor,
  marksOf,
  rolledOutAt,
  toRevisions,
} from '../../../src/model/kubernetes/revisions';
import {
  at,
  controllerRevision,
  deployment,
  ended,
  pod,
  replicaSet,
  running,
  statefulSet,
} from './objects';

const now = Date.parse(at(10_000));
const inHistory = { 'deployment.kubernetes.io/revision-history': '1' };

describe('revisions', () => {
  const good = replicaSet('a', 'web:1', 1, {
    createdAt: at(-1_000),
    annotations: { [availableMark]: `a ${at(-900)}` },
  });
  const bad = replicaSet('b', 'web:2', 2, { annotations: { [faultyMark]: `b ${at(20)}` } });
  const stranger = {
    ...replicaSet('c', 'web:2', 9),
    metadata: { name: 'other-c', ownerReferences: [] },
  };

  test("a Deployment's, newest first, with what the detector knows of them", () => {
    const pods = [pod({ labels: { 'pod-template-hash': 'a' } }), pod({ ready: false })];
    expect(toRevisions(deployment(), [good, bad, stranger], pods, now)).toEqual([
      {
        name: 'web-b',
        number: 2,
        createdAt: at(0),
        current: true,
        availableReplicas: 0,
        faultyAt: at(20),
      },
      {
        name: 'web-a',
        number: 1,
        createdAt: at(-1_000),
        current: false,
        availableReplicas: 1,
        availableAt: at(-900),
      },
    ]);
  });

  test("a StatefulSet's pods carry the revision's name", () => {
    const labels = { 'pod-template-hash': '', 'controller-revision-hash': 'web-a' };
    const objects = [controllerRevision('a', 'web:1', 1), controllerRevision('b', 'web:2', 2)];
    const found = toRevisions(statefulSet(), objects, [pod({ labels })], now);
    expect(
      found.map(({ name, current, availableReplicas }) => [name, current, availableReplicas]),
    ).toEqual([
      ['web-b', true, 0],
      ['web-a', false, 1],
    ]);
  });

  test('none is current before the controller has made it', () => {
    expect(currentOf(deployment({ image: 'web:3' }), [good, bad])).toBeUndefined();
  });

  test('a mark that was copied from another revision counts for nothing', () => {
    const copied = replicaSet('b', 'web:2', 2, { annotations: good.metadata?.annotations });
    expect(marksOf(good)).toEqual({ availableAt: at(-900) });
    expect(marksOf(copied)).toEqual({});
    expect(
      marksOf(replicaSet('b', 'web:2', 2, { annotations: { [availableMark]: 'b soon' } })),
    ).toEqual({});
  });

  test.each([
    ['ReplicaSet', replicaSet('b', 'web:2', 2), 'b'],
    ['ControllerRevision', controllerRevision('b', 'web:2', 2), 'web-b'],
  ])('a mark on a %s is read as it was written', (_kind, object, hash) => {
    const mark = markFor(object, availableMark, at(7));
    expect(mark).toEqual({ [availableMark]: `${hash} ${at(7)}` });
    Object.assign(object.metadata!, { annotations: mark });
    expect(marksOf(object)).toEqual({ availableAt: at(7) });
  });

  test('a revision whose pods have just crashed is not held good', () => {
    const pods = [pod({ statuses: [running(1, ended(at(9_990)))] })];
    const [revision] = toRevisions(deployment(), [bad], pods, now);
    expect(revision!.availableReplicas).toBe(0);
    expect(wasGood(revision!)).toBe(false);
  });

  test.each([
    ['a new ReplicaSet: when it was made', {}, at(5), at(0), at(5)],
    [
      'one that was gone back to: when the template was changed',
      inHistory,
      at(-5_000),
      at(9),
      at(9),
    ],
  ])('rolledOutAt of %s', (_name, annotations, createdAt, changedAt, expected) => {
    const current = replicaSet('b', 'web:2', 2, { createdAt, annotations });
    expect(rolledOutAt(deployment({ changedAt }), [good, current])).toBe(expected);
  });

  test('rolledOutAt right after an undo, before the controller has seen it', () => {
    const undone = deployment({
      image: 'web:1',
      changedAt: at(50),
      generation: 3,
      observedGeneration: 2,
    });
    expect(rolledOutAt(undone, [good, bad])).toBe(at(50));
  });
});

describe('the mark of a revision that works', () => {
  const revision = replicaSet('b', 'web:2', 2);
  const two = [pod({ name: 'one' }), pod({ name: 'two' })];

  test.each([
    ['deserved', deployment(), two, true],
    ['not while pods are missing', deployment({ status: { availableReplicas: 1 } }), two, false],
    ['not while old pods are left', deployment({ status: { replicas: 3 } }), two, false],
    ['not scaled to 0', deployment({ spec: { replicas: 0 } }), [], false],
    ['not for another template', deployment({ image: 'web:3' }), two, false],
    [
      'not before the controller saw the change',
      deployment({ generation: 9, observedGeneration: 8 }),
      two,
      false,
    ],
    [
      'not available for a blink between two crashes',
      deployment(),
      [two[0]!, pod({ statuses: [running(1, ended(at(9_999)))] })],
      false,
    ],
    [
      'deserved in spite of old restarts',
      deployment(),
      [two[0]!, pod({ statuses: [running(4, ended(at(0)))] })],
      true,
    ],
  ])('%s', (_name, workload, pods, deserved) => {
    expect(deservesAvailableMark(workload, revision, pods, now)).toBe(deserved);
  });

  test('a pod that terminates is neither steady nor missed', () => {
    const leaving = pod({ name: 'three', deletionTimestamp: at(1) });
    expect(isSteady(leaving, now)).toBe(false);
    expect(hasSteadyPods(deployment(), [...two, leaving], now)).toBe(true);
  });
});
