import type { V1Node, V1NodeCondition, V1Pod } from '@kubernetes/client-node';
import { defaultDetectionSettings as settings } from '../../../src/model/healing';
import {
  hasNodeProblem,
  isNodeFlapping,
  isNodeNotReady,
  isUnderPressure,
  isUnreachableWithPods,
} from '../../../src/model/kubernetes/faults/node';
import { healthChecks } from '../../../src/model/kubernetes/health';
import { isGivenUp, isMovable, wasUncordoned } from '../../../src/model/kubernetes/node-state';
import { heldByMark, vetoedMark } from '../../../src/model/kubernetes/owners';

const now = Date.now();
const ago = (seconds: number) => new Date(now - seconds * 1_000).toISOString();

const condition = (type: string, status: string, since = 30) =>
  ({ type, status, lastTransitionTime: ago(since) }) as unknown as V1NodeCondition;

function node(
  conditions: V1NodeCondition[],
  { annotations = {}, unschedulable }: { annotations?: object; unschedulable?: boolean } = {},
): V1Node {
  return {
    metadata: { name: 'n1', annotations: annotations as Record<string, string> },
    spec: { unschedulable },
    status: { conditions },
  };
}

const ready = condition('Ready', 'True');
const dead = condition('Ready', 'Unknown');
const none = { pods: () => [] };

function pod(
  fields: { ending?: number; owner?: string; mirror?: boolean; phase?: string } = {},
): V1Pod {
  const { ending, owner = 'ReplicaSet', mirror, phase = 'Running' } = fields;
  return {
    metadata: {
      name: 'p',
      namespace: 'shop',
      ...(ending !== undefined && { deletionTimestamp: ago(ending) as unknown as Date }),
      ...(mirror && { annotations: { 'kubernetes.io/config.mirror': 'x' } }),
      ownerReferences: [{ apiVersion: 'v1', kind: owner, name: 'o', uid: 'u', controller: true }],
    },
    status: { phase },
  };
}

describe('what is seen of a node', () => {
  test.each([
    ['not ready', isNodeNotReady, [condition('Ready', 'False')], settings.nodeDeadlineMs],
    ['out of reach', isNodeNotReady, [dead], settings.nodeDeadlineMs],
    [
      'a deadlocked kernel',
      hasNodeProblem,
      [ready, condition('KernelDeadlock', 'True')],
      settings.nodeDeadlineMs,
    ],
    [
      'short of disk',
      isUnderPressure,
      [ready, condition('DiskPressure', 'True')],
      settings.pressureDeadlineMs,
    ],
  ])('%s: due after its deadline', (_, predicate, conditions, deadlineMs) => {
    expect(predicate(node(conditions), settings)).toMatchObject({
      since: ago(30),
      due: new Date(now - 30_000 + deadlineMs).toISOString(),
    });
  });

  test.each([
    ['Ready', isNodeNotReady, [ready]],
    ['without conditions yet', isNodeNotReady, []],
    ['a problem that is over', hasNodeProblem, [ready, condition('KernelDeadlock', 'False')]],
    ['a condition that is nobody’s problem', hasNodeProblem, [ready, condition('Other', 'True')]],
    [
      'pressure on a node that is not ready',
      isUnderPressure,
      [dead, condition('DiskPressure', 'True')],
    ],
  ])('nothing on a node that is %s', (_, predicate, conditions) => {
    expect(predicate(node(conditions), settings)).toBeUndefined();
  });

  test.each([
    ['the fault that was vetoed', 20, undefined],
    ['a later one', 40, ago(30)],
  ])('a veto is about %s', (_, vetoedBefore, since) => {
    const vetoed = node([dead], { annotations: { [vetoedMark]: ago(vetoedBefore) } });
    expect(isNodeNotReady(vetoed, settings)?.since).toBe(since);
  });

  test.each([
    ['three losses in the window', [600, 300, 10], ago(600)],
    ['too few', [600, 300], undefined],
    ['one too long ago', [3_600, 300, 10], undefined],
  ])('flapping: %s', (_, losses, since) => {
    const around = { readyLosses: () => losses.map(ago) };
    expect(isNodeFlapping(node([ready]), settings, around)?.since).toBe(since);
  });

  test.each([
    ['with a pod that cannot end', dead, [pod({ ending: 10 })], ago(10)],
    ['with pods that run on', dead, [pod()], undefined],
    ['but in reach', condition('Ready', 'False'), [pod({ ending: 10 })], undefined],
  ])('out of reach, %s', (_, state, pods, since) => {
    const finding = isUnreachableWithPods(node([state]), settings, { pods: () => pods });
    expect(finding?.since).toBe(since);
  });

  test('nothing of pods is asked of a node that answers', () => {
    expect(isUnreachableWithPods(node([ready]), settings, none)).toBeUndefined();
  });
});

describe('the health of a node', () => {
  const held = { annotations: { [heldByMark]: 'heal:x' } };

  test.each([
    ['node-ready', 'healthy', node([ready])],
    ['node-ready', 'overdue', node([dead], { ...held, unschedulable: true })],
    ['node-ready', 'failing', node([dead], held)],
    ['node-without-problem', 'overdue', node([ready, condition('ReadonlyFilesystem', 'True')])],
    ['node-without-problem', 'overdue', node([dead])],
    ['node-without-problem', 'healthy', node([ready])],
    ['node-without-pressure', 'overdue', node([ready, condition('PIDPressure', 'True')])],
    ['node-without-pressure', 'failing', node([ready, condition('PIDPressure', 'True')], held)],
  ] as const)('%s: %s', (check, state, object) => {
    expect(healthChecks[check]({ object, pods: [] }).state).toBe(state);
  });

  test.each([
    ['overdue', dead, [pod({ ending: 5 })]],
    ['healthy', dead, [pod()]],
    ['healthy', ready, [pod({ ending: 5 })]],
  ] as const)('pods-moved: %s', (state, condition, pods) => {
    const view = { object: node([condition]), pods: [...pods] };
    expect(healthChecks['pods-moved'](view).state).toBe(state);
  });

  test('conditions beyond the usual count where they are configured', () => {
    const view = { object: node([ready, condition('BadDisk', 'True')]), pods: [] };
    const check = healthChecks['node-without-problem'];
    expect(check(view).state).toBe('healthy');
    expect(check(view, { ...settings, nodeConditions: ['BadDisk'] }).state).toBe('overdue');
  });
});

describe('a drain', () => {
  test.each([
    [true, pod()],
    [true, pod({ owner: 'StatefulSet' })],
    [false, pod({ owner: 'DaemonSet' })],
    [false, pod({ mirror: true })],
    [false, pod({ phase: 'Succeeded' })],
  ])('moves: %s', (movable, one) => {
    expect(isMovable(one)).toBe(movable);
  });

  test.each([
    ['a running pod', pod(), dead, false],
    ['a pod that ends, out of reach', pod({ ending: 0 }), dead, true],
    ['a pod that ends on a live node', pod({ ending: 100 }), ready, false],
    ['a pod that should have ended', pod({ ending: 100 }), condition('Ready', 'False'), true],
    ['a pod that may still end', pod({ ending: 5 }), condition('Ready', 'False'), false],
  ])('waits no more for %s', (_, one, state, givenUp) => {
    expect(isGivenUp(one, node([state]), now)).toBe(givenUp);
  });

  test.each([
    [true, { [heldByMark]: 'heal:x' }, undefined, 'heal:x'],
    [false, { [heldByMark]: 'heal:x' }, undefined, 'heal:y'],
    [false, { [heldByMark]: 'heal:x' }, true, 'heal:x'],
    [false, {}, undefined, undefined],
  ])('vetoed: %s', (vetoed, annotations, unschedulable, procedure) => {
    expect(wasUncordoned(node([dead], { annotations, unschedulable }), procedure)).toBe(vetoed);
  });
});
