import { availabilityOf } from '../../../src/model/kubernetes/availability';
import { healthChecks } from '../../../src/model/kubernetes/health';
import {
  at,
  controllerRevision,
  crashing,
  daemonSet,
  deadlineExceeded,
  deployment,
  ended,
  pod,
  replicaSet,
  statefulSet,
} from './objects';

const check = healthChecks['available-without-restarts'];
const current = replicaSet('b', 'web:2', 2);
const crash = { ready: false, statuses: [crashing(ended(at(9)))] };
const canary = { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } };

describe('available-without-restarts', () => {
  test.each([
    ['healthy', 'wholly available', deployment(), [pod()]],
    ['healthy', 'scaled to 0', deployment({ spec: { replicas: 0 }, status: { replicas: 0 } }), []],
    [
      'pending',
      'the change is not observed',
      deployment({ generation: 3, observedGeneration: 2 }),
      [pod()],
    ],
    [
      'pending',
      'a new pod starts',
      deployment({ status: { updatedReplicas: 1, availableReplicas: 1 } }),
      [],
    ],
    ['pending', 'old pods are left', deployment({ status: { replicas: 3 } }), [pod()]],
    [
      'failing',
      'the current revision crashes',
      deployment({ status: { availableReplicas: 1 } }),
      [pod(crash)],
    ],
    [
      'pending',
      'only the superseded revision crashes',
      deployment({ status: { availableReplicas: 1 } }),
      [pod({ ...crash, labels: { 'pod-template-hash': 'a' } })],
    ],
    [
      'overdue',
      'the deadline is exceeded',
      deployment({ status: { ...deadlineExceeded(at(60)), availableReplicas: 1 } }),
      [],
    ],
    [
      'pending',
      'the exceeded deadline was an earlier rollout’s',
      deployment({
        changedAt: at(61),
        status: { ...deadlineExceeded(at(60)), availableReplicas: 1 },
      }),
      [],
    ],
  ])('%s: %s', (state, _name, workload, pods) => {
    expect(check({ object: workload, workload, pods, current }).state).toBe(state);
  });

  test.each([
    ['healthy', 'StatefulSet', statefulSet()],
    [
      'healthy',
      'StatefulSet down to its partition',
      statefulSet({ spec: canary, status: { updatedReplicas: 1 } }),
    ],
    ['pending', 'StatefulSet in a rollout', statefulSet({ status: { updatedReplicas: 1 } })],
    [
      'healthy',
      'StatefulSet that updates on delete',
      statefulSet({
        spec: { updateStrategy: { type: 'OnDelete' } },
        status: { updatedReplicas: 0 },
      }),
    ],
    ['healthy', 'DaemonSet', daemonSet()],
    ['pending', 'DaemonSet with a pod away', daemonSet({ status: { numberAvailable: 2 } })],
    ['pending', 'DaemonSet in a rollout', daemonSet({ status: { updatedNumberScheduled: 1 } })],
    ['healthy', 'DaemonSet of no node', daemonSet({ status: { desiredNumberScheduled: 0 } })],
  ])('%s: %s', (state, _name, workload) => {
    expect(
      check({ object: workload, workload, pods: [], current: controllerRevision('b', 'web:2', 2) })
        .state,
    ).toBe(state);
  });

  test('pending before the controller made the revision', () => {
    expect(check({ object: deployment(), workload: deployment(), pods: [] }).state).toBe('pending');
  });

  test.each([
    ['healthy', 'ready', {}],
    ['pending', 'not ready', { ready: false }],
    ['failing', 'crashing', crash],
    ['healthy', 'completed', { ready: false, phase: 'Succeeded' }],
    ['failing', 'failed', { ready: false, phase: 'Failed' }],
    ['pending', 'terminating', { deletionTimestamp: at(1) }],
  ])('%s: a bare pod that is %s', (state, _name, options) => {
    const object = pod({ ...options, ownerKind: 'none' });
    expect(check({ object, pods: [object] }).state).toBe(state);
  });
});

test('a canary is available as far as it updates, but not wholly', () => {
  const set = statefulSet({ spec: canary, status: { updatedReplicas: 1 } });
  expect(availabilityOf(set)).toMatchObject({ whole: false, asFarAsItUpdates: true });
});
