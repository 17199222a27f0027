import { defaultDetectionSettings } from '../../../src/model/healing';
import { isCrashLooping } from '../../../src/model/kubernetes/faults/containers';
import { isRolloutStuck } from '../../../src/model/kubernetes/faults/rollout';
import {
  at,
  crashing,
  daemonSet,
  deadlineExceeded,
  deployment,
  ended,
  type PodOptions,
  pod,
  running,
  statefulSet,
} from './objects';

const settings = defaultDetectionSettings;

describe('isCrashLooping', () => {
  const crashed = { ready: false, statuses: [crashing(ended(at(30)))] };

  test('a crashing container counts from its last end, at once', () => {
    expect(isCrashLooping(pod(crashed))).toEqual({
      since: at(30),
      due: at(30),
      message:
        'container main is in CrashLoopBackOff after 3 restarts, last ended with exit code 1 (Error)',
    });
  });

  test.each<[string, PodOptions, string]>([
    ['an init container', { ready: false, initStatuses: [crashing(ended(at(20)))] }, at(20)],
    ['no known end', { ready: false, statuses: [crashing()] }, at(5)],
    ['a sidecar beside a healthy one', { statuses: [running(), crashing(ended(at(9)))] }, at(9)],
    ['a bare pod', { ...crashed, ownerKind: 'none' }, at(30)],
  ])('found: %s', (_name, options, since) => {
    expect(isCrashLooping(pod(options))?.since).toBe(since);
  });

  test.each<[string, PodOptions]>([
    ['a healthy pod', {}],
    ['a healthy pod with four old restarts', { statuses: [running(4, ended(at(-9_000)))] }],
    ['a pod that starts slowly', { ready: false, statuses: [running()] }],
    ['a pod that terminates', { ...crashed, deletionTimestamp: at(31) }],
    ['a pod that has completed', { ...crashed, phase: 'Succeeded' }],
    ['a pod that has failed for good', { ...crashed, phase: 'Failed' }],
    ["a Job's pod", { ...crashed, ownerKind: 'Job' }],
    ['a static pod', { ...crashed, annotations: { 'kubernetes.io/config.mirror': 'x' } }],
    [
      'an image that cannot be pulled',
      {
        ready: false,
        statuses: [{ ...crashing(), state: { waiting: { reason: 'ImagePullBackOff' } } }],
      },
    ],
  ])('left alone: %s', (_name, options) => {
    expect(isCrashLooping(pod(options))).toBeUndefined();
  });

  test('times may be Dates, as the typed client parses them', () => {
    const finishedAt = new Date(at(30));
    const found = isCrashLooping(pod({ statuses: [crashing({ exitCode: 1, finishedAt })] }));
    expect(found?.since).toBe(at(30));
  });
});

describe('isRolloutStuck', () => {
  const deadlineOf = (seconds: number) => at(seconds + 600);

  test('a Deployment: from its own deadline on', () => {
    const stuck = deployment({ changedAt: at(0), status: deadlineExceeded(at(60)) });
    expect(isRolloutStuck(stuck, settings)).toEqual({
      since: at(60),
      due: at(60),
      message: 'ReplicaSet "web-b" has timed out progressing.',
    });
  });

  test('a Deployment that was changed after its deadline gets another', () => {
    const undone = deployment({ changedAt: at(61), status: deadlineExceeded(at(60)) });
    expect(isRolloutStuck(undone, settings)?.due).toBe(at(61 + 60));
  });

  const halfway = {
    updatedReplicas: 1,
    readyReplicas: 2,
    availableReplicas: 2,
    currentRevision: 'web-a',
    updateRevision: 'web-b',
  };

  test.each([
    ['StatefulSet', statefulSet({ status: halfway })],
    [
      'StatefulSet whose last new pod is not ready',
      statefulSet({ status: { ...halfway, updatedReplicas: 3 } }),
    ],
    ['DaemonSet', daemonSet({ status: { updatedNumberScheduled: 1, numberReady: 2 } })],
    [
      'StatefulSet above its partition',
      statefulSet({
        spec: { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } } },
        status: halfway,
      }),
    ],
  ])('%s: due when the deadline since the last change of the spec is over', (_name, workload) => {
    expect(isRolloutStuck(workload, settings)).toMatchObject({ since: at(0), due: deadlineOf(0) });
  });

  test.each([
    ['a Deployment that goes on', deployment({ status: { updatedReplicas: 1 } })],
    [
      'a paused Deployment',
      deployment({ spec: { paused: true }, status: deadlineExceeded(at(60)) }),
    ],
    [
      'a Deployment whose last change was not observed yet',
      deployment({ generation: 3, observedGeneration: 2, status: deadlineExceeded(at(60)) }),
    ],
    [
      'a Deployment scaled to 0',
      deployment({ spec: { replicas: 0 }, status: deadlineExceeded(at(60)) }),
    ],
    [
      'a Deployment that is deleted',
      deployment({ metadata: { deletionTimestamp: at(1) }, status: deadlineExceeded(at(60)) }),
    ],
    ['a complete StatefulSet', statefulSet()],
    [
      'a StatefulSet with unready pods, in no rollout',
      statefulSet({ status: { readyReplicas: 1 } }),
    ],
    ['a StatefulSet that is scaled up', statefulSet({ spec: { replicas: 5 } })],
    [
      'a StatefulSet that has updated down to its partition',
      statefulSet({
        spec: { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } },
        status: halfway,
      }),
    ],
    [
      'a StatefulSet that updates on delete',
      statefulSet({ spec: { updateStrategy: { type: 'OnDelete' } }, status: halfway }),
    ],
    [
      'a DaemonSet that updates on delete',
      daemonSet({
        spec: { updateStrategy: { type: 'OnDelete' } },
        status: { updatedNumberScheduled: 1 },
      }),
    ],
    ['a DaemonSet with an unready pod, in no rollout', daemonSet({ status: { numberReady: 2 } })],
    [
      'a DaemonSet that a node has just joined',
      daemonSet({ status: { desiredNumberScheduled: 4, numberReady: 3 } }),
    ],
  ])('left alone: %s', (_name, workload) => {
    expect(isRolloutStuck(workload, settings)).toBeUndefined();
  });
});
