import type { V1Pod } from '@kubernetes/client-node';
import { defaultDetectionSettings } from '../../../src/model/healing';
import {
  isEvicted,
  isEvictedAmongMany,
  isStuckTerminating,
} from '../../../src/model/kubernetes/faults/pods';
import { healthChecks } from '../../../src/model/kubernetes/health';
import { at, type PodOptions, pod } from './objects';

const settings = { ...defaultDetectionSettings, terminatingDeadlineMs: 60_000, evictedPods: 3 };

const terminating = (options: PodOptions = {}) => pod({ deletionTimestamp: at(30), ...options });

function evicted(options: PodOptions = {}): V1Pod {
  const made = pod({ phase: 'Failed', ready: false, statuses: [], ...options });
  made.status!.reason = 'Evicted';
  made.status!.message = 'The node was low on resource: ephemeral-storage.';
  return made;
}

describe('isStuckTerminating', () => {
  test('counts from the end of the grace period, after the deadline', () => {
    expect(isStuckTerminating(terminating(), settings)).toEqual({
      since: at(30),
      due: at(90),
      message: `it should have ended by ${at(30)}`,
    });
  });

  test('names the finalizers that keep it', () => {
    const kept = terminating();
    kept.metadata!.finalizers = ['example.com/a', 'example.com/b'];
    expect(isStuckTerminating(kept, settings)?.message).toContain('example.com/a, example.com/b');
  });

  test.each([
    ['a pod that is not being deleted', pod()],
    ['a static pod', terminating({ annotations: { 'kubernetes.io/config.mirror': 'x' } })],
  ])('leaves alone: %s', (_name, object) => {
    expect(isStuckTerminating(object, settings)).toBeUndefined();
  });
});

describe('isEvicted', () => {
  test.each([
    [true, 'of a ReplicaSet', evicted()],
    [false, 'of a Job, which counts its failures', evicted({ ownerKind: 'Job' })],
    [false, 'of a StatefulSet, which removes it', evicted({ ownerKind: 'StatefulSet' })],
    [false, 'a bare pod, of which nothing else is left', evicted({ ownerKind: 'none' })],
    [false, 'being deleted', evicted({ deletionTimestamp: at(9) })],
    [false, 'failed for another reason', pod({ phase: 'Failed' })],
    [false, 'running', pod()],
  ])('%s: %s', (expected, _name, object) => {
    expect(isEvicted(object)).toBe(expected);
  });
});

describe('isEvictedAmongMany', () => {
  const around = (count: number) => ({
    pods: () => [pod(), ...Array.from({ length: count }, () => evicted())],
  });

  test('three are too many, two are not', () => {
    const finding = isEvictedAmongMany(evicted(), settings, around(3));
    expect(finding).toMatchObject({ since: at(1), due: at(1) });
    expect(finding?.message).toContain('3 evicted pods: The node was low on resource');
    expect(isEvictedAmongMany(evicted(), settings, around(2))).toBeUndefined();
  });

  test('a healthy pod beside them is not asked for its siblings', () => {
    const pods = () => {
      throw new Error('not to be asked');
    };
    expect(isEvictedAmongMany(pod(), settings, { pods })).toBeUndefined();
  });
});

describe('health', () => {
  const view = (...pods: V1Pod[]) => ({ object: {}, pods });

  test.each([
    ['none-terminating', 'healthy', view(pod())],
    ['none-terminating', 'healthy', view()],
    ['none-terminating', 'pending', view(pod(), terminating())],
    ['none-evicted', 'healthy', view(pod())],
    ['none-evicted', 'failing', view(pod(), evicted())],
  ] as const)('%s is %s', (check, state, target) => {
    expect(healthChecks[check](target).state).toBe(state);
  });
});
