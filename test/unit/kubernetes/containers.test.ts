import { defaultDetectionSettings } from '../../../src/model/healing';
import {
  failingRegistries,
  isMisconfigured,
  isOutOfMemory,
  isPullFailing,
  registryOf,
} from '../../../src/model/kubernetes/faults/containers';
import { at, crashing, ended, type PodOptions, pod, running } from './objects';

const waiting = (reason: string, message = '', image = 'registry.example:5000/web:2') => ({
  name: 'main',
  image,
  restartCount: 0,
  state: { waiting: { reason, message } },
  lastState: {},
});

const unready = (status: object, more: PodOptions = {}) =>
  pod({ ready: false, phase: 'Pending', statuses: [status], ...more });

describe('isPullFailing', () => {
  test('a pull that is tried again gets some time', () => {
    expect(
      isPullFailing(unready(waiting('ImagePullBackOff', 'no such host')), defaultDetectionSettings),
    ).toEqual({
      since: at(5),
      due: at(15),
      message: 'container main waits in ImagePullBackOff: no such host',
    });
  });

  test.each(['ErrImageNeverPull', 'InvalidImageName'])('%s is broken at once', (reason) => {
    expect(isPullFailing(unready(waiting(reason)), defaultDetectionSettings)?.due).toBe(at(5));
  });

  test('an init container counts, and a pod of a Job', () => {
    const initStatuses = [waiting('ErrImagePull')];
    expect(
      isPullFailing(pod({ ready: false, initStatuses }), defaultDetectionSettings),
    ).toBeDefined();
    const ofJob = unready(waiting('ErrImagePull'), { ownerKind: 'Job' });
    expect(isPullFailing(ofJob, defaultDetectionSettings)).toBeDefined();
  });

  test.each<[string, object, PodOptions]>([
    ['a container that is being made', waiting('ContainerCreating'), {}],
    ['a running container', running(), {}],
    ['a crashing container', crashing(ended(at(1))), {}],
    ['a pod that terminates', waiting('ErrImagePull'), { deletionTimestamp: at(9) }],
    ['a pod that has failed', waiting('ErrImagePull'), { phase: 'Failed' }],
    [
      'a static pod',
      waiting('ErrImagePull'),
      { annotations: { 'kubernetes.io/config.mirror': 'x' } },
    ],
  ])('left alone: %s', (_name, status, more) => {
    expect(isPullFailing(unready(status, more), defaultDetectionSettings)).toBeUndefined();
  });

  test("a registry's whole page is not repeated", () => {
    const found = isPullFailing(
      unready(waiting('ErrImagePull', 'x'.repeat(9_000))),
      defaultDetectionSettings,
    );
    expect(found!.message.length).toBeLessThanOrEqual(500);
  });
});

describe('failingRegistries', () => {
  test.each([
    ['lookup registry.example: no such host', ['registry.example:5000']],
    ['unexpected status: 503 Service Unavailable', ['registry.example:5000']],
    ['pull access denied: 401 Unauthorized', ['registry.example:5000']],
    ['rpc error: code = NotFound desc = failed to pull and unpack image', []],
    ['registry.example:5000/web:2: not found', []],
    ['manifest unknown', []],
  ])('%s: %j', (message, hosts) => {
    expect(failingRegistries(unready(waiting('ErrImagePull', message)))).toEqual(hosts);
  });

  test('an image that is never pulled says nothing of a registry', () => {
    expect(failingRegistries(unready(waiting('ErrImageNeverPull')))).toEqual([]);
  });
});

test.each([
  ['nginx', 'docker.io'],
  ['library/nginx:1', 'docker.io'],
  ['registry.example/a/b:1', 'registry.example'],
  ['registry:5000/a@sha256:00', 'registry:5000'],
  ['localhost/a', 'localhost'],
])('the registry of %s is %s', (image, host) => {
  expect(registryOf(image)).toBe(host);
});

describe('isMisconfigured', () => {
  test('a missing key gets some time to appear', () => {
    const status = waiting('CreateContainerConfigError', 'configmap "web" not found');
    expect(isMisconfigured(unready(status), defaultDetectionSettings)).toEqual({
      since: at(5),
      due: at(15),
      message: 'container main waits in CreateContainerConfigError: configmap "web" not found',
    });
  });

  test('a container that waits for its image is another matter', () => {
    expect(
      isMisconfigured(unready(waiting('ErrImagePull')), defaultDetectionSettings),
    ).toBeUndefined();
  });
});

describe('isOutOfMemory', () => {
  const killed = { ...ended(at(30), 137), reason: 'OOMKilled' };

  test.each([
    ['in its back-off', crashing(killed)],
    ['just killed anew', { ...crashing(), state: { terminated: killed } }],
  ])('found: a container %s', (_name, status) => {
    expect(isOutOfMemory(pod({ ready: false, statuses: [status] }))).toEqual({
      since: at(30),
      due: at(30),
      message: 'container main was killed for using more memory than its limit, after 3 restarts',
    });
  });

  test.each<[string, PodOptions]>([
    [
      'the first kill, after which it is started at once',
      { statuses: [{ ...running(), state: { terminated: killed } }] },
    ],
    ['a container that runs again', { statuses: [running(4, killed)] }],
    ['a kill by somebody else', { statuses: [crashing(ended(at(30), 137))] }],
    ["a Job's pod", { statuses: [crashing(killed)], ownerKind: 'Job' }],
  ])('left alone: %s', (_name, options) => {
    expect(isOutOfMemory(pod({ ready: false, ...options }))).toBeUndefined();
  });
});
