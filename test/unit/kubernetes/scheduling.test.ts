import type { V1Node, V2HorizontalPodAutoscaler } from '@kubernetes/client-node';
import { defaultDetectionSettings as settings } from '../../../src/model/healing';
import { isMaxedOut } from '../../../src/model/kubernetes/faults/autoscaling';
import { cordonedBy, isUnschedulable } from '../../../src/model/kubernetes/faults/scheduling';
import { healthChecks } from '../../../src/model/kubernetes/health';
import { at, type PodOptions, pod } from './objects';

const refusal = {
  type: 'PodScheduled',
  status: 'False',
  reason: 'Unschedulable',
  message: '0/3 nodes are available: 3 Insufficient cpu.',
  lastTransitionTime: at(2),
};

function pending(condition: object = refusal, options: PodOptions = {}) {
  const made = pod({ ready: false, phase: 'Pending', ...options });
  made.status!.conditions = [condition as never];
  return made;
}

const placed = pod({ spec: { nodeName: 'n1' } });

describe('isUnschedulable', () => {
  test("the scheduler's own words, after the deadline", () => {
    expect(isUnschedulable(pending(), settings)).toEqual({
      since: at(2),
      due: at(2 + 300),
      message: refusal.message,
    });
  });

  test.each([
    ['a pod with a node', placed],
    ['a pod that waits for a gate', pending({ ...refusal, reason: 'SchedulingGated' })],
    ['a pod that terminates', pending(refusal, { deletionTimestamp: at(9) })],
    ['a pod that has failed', pending(refusal, { phase: 'Failed' })],
  ])('left alone: %s', (_name, one) => {
    expect(isUnschedulable(one, settings)).toBeUndefined();
  });
});

test.each([
  ['all placed', [placed], 'healthy'],
  ['one refused', [placed, pending()], 'overdue'],
  ['one not looked at yet', [placed, pending({ ...refusal, type: 'Other' })], 'pending'],
])('pods-scheduled: %s', (_name, pods, state) => {
  expect(healthChecks['pods-scheduled']({ object: {}, pods }).state).toBe(state);
});

test.each<[string, object, string | undefined]>([
  ['ours', { unschedulable: true }, 'heal:x'],
  ['open', {}, undefined],
])('a node is cordoned by a procedure: %s', (_name, spec, holder) => {
  const annotations = { 'homeostat.dev/held-by': 'heal:x' };
  expect(cordonedBy({ metadata: { annotations }, spec } as V1Node)).toBe(holder);
  expect(cordonedBy({ metadata: {}, spec } as V1Node)).toBeUndefined();
});

/** As the controller of Kubernetes 1.34 writes it. */
function autoscaler(limited: object, desiredReplicas = 5): V2HorizontalPodAutoscaler {
  const conditions = [
    { type: 'AbleToScale', status: 'True', reason: 'ReadyForNewScale', lastTransitionTime: at(0) },
    { type: 'ScalingLimited', lastTransitionTime: at(7), ...limited },
  ];
  const spec = { minReplicas: 1, maxReplicas: 5, scaleTargetRef: {} };
  const object = { metadata: {}, spec, status: { desiredReplicas, conditions } };
  return object as unknown as V2HorizontalPodAutoscaler;
}

const tooMany = {
  status: 'True',
  reason: 'TooManyReplicas',
  message: 'the desired replica count is more than the maximum replica count',
};

describe('isMaxedOut', () => {
  test('an autoscaler that wants more than it may have, after the deadline', () => {
    expect(isMaxedOut(autoscaler(tooMany), settings)).toEqual({
      since: at(7),
      due: at(7 + 300),
      message: tooMany.message,
    });
  });

  test.each([
    ['within its range', { status: 'False', reason: 'DesiredWithinRange' }],
    ['at its minimum', { status: 'True', reason: 'TooFewReplicas' }],
  ])('left alone: %s', (_name, limited) => {
    expect(isMaxedOut(autoscaler(limited), settings)).toBeUndefined();
  });
});

test.each([
  ['below', { status: 'False', reason: 'DesiredWithinRange' }, 4, 'healthy'],
  ['just at it', { status: 'False', reason: 'DesiredWithinRange' }, 5, 'pending'],
  ['wanting more', tooMany, 5, 'overdue'],
])('below-maximum: %s', (_name, limited, desired, state) => {
  const object = autoscaler(limited, desired);
  expect(healthChecks['below-maximum']({ object, pods: [] }).state).toBe(state);
});
