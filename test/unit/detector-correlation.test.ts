import { Registry } from 'prom-client';
import { Cache } from '../../src/client/detector/cache';
import { isExplained, tellingOrder } from '../../src/client/detector/correlation';
import { Detector } from '../../src/client/detector/detector';
import { createDetectorMetrics } from '../../src/client/detector/metrics';
import type { RawObject } from '../../src/client/detector/resources';
import { Tracker } from '../../src/client/detector/tracker';
import type { Report } from '../../src/client/incidents';
import { defaultDetectionSettings } from '../../src/model/healing';
import { runbooks } from '../../src/workflows/healing/runbooks';

const cluster = 'lab';
const soakMs = 1_000;
const host = 'registry.example';
const noHost = `lookup ${host}: no such host`;
const unknown = 'rpc error: code = NotFound desc = not found';

function deployment(namespace: string, conditions: object[] = []): RawObject {
  return {
    kind: 'Deployment',
    metadata: { name: 'web', namespace, uid: `uid-${namespace}`, generation: 1 },
    spec: { replicas: 1, strategy: {} },
    status: { observedGeneration: 1, conditions },
  };
}

function set(namespace: string): RawObject {
  const owner = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web', uid: `uid-${namespace}` };
  return {
    kind: 'ReplicaSet',
    metadata: {
      name: 'web-1',
      namespace,
      uid: `set-${namespace}`,
      ownerReferences: [{ ...owner, controller: true }],
    },
    spec: {},
  };
}

function pod(namespace: string, state: object, since = ago(60_000)): RawObject {
  const name = 'web-1-a';
  const owner = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    name: 'web-1',
    uid: `set-${namespace}`,
  };
  const ready = 'running' in state;
  return {
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      uid: `pod-${namespace}-${name}`,
      ownerReferences: [{ ...owner, controller: true }],
    },
    spec: { containers: [{ name: 'c' }] },
    status: {
      phase: ready ? 'Running' : 'Pending',
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: since }],
      containerStatuses: [
        { name: 'c', image: `${host}/web:2`, restartCount: 0, state, lastState: {} },
      ],
    },
  };
}

const ago = (milliseconds: number) => new Date(Date.now() - milliseconds).toISOString();
const unpulled = (message: string) => ({ waiting: { reason: 'ImagePullBackOff', message } });
const crashLoop = { waiting: { reason: 'CrashLoopBackOff' } };
const runs = { running: { startedAt: '2026-01-01T12:00:00Z' } };

function start(objects: RawObject[]) {
  const cache = new Cache();
  const reports: Report[] = [];
  const detector = new Detector({
    cluster,
    runbooks,
    settings: defaultDetectionSettings,
    soakMs,
    cache,
    tracker: new Tracker(),
    reporter: { add: (report) => void reports.push(report), forget: () => undefined },
    marker: { markAvailable: async () => undefined, markFaulty: async () => undefined },
    metrics: createDetectorMetrics(new Registry(), { objects: () => 0, pending: () => 0 }),
  });
  for (const object of objects) detector.changed(object);
  detector.start();
  const told = () =>
    reports.map(({ workflowId, observation }) => `${workflowId} ${observation.state}`);
  return { detector, reports, told };
}

const incident = (namespace: string, symptom: string) =>
  `heal:lab:${namespace}:Deployment:web:${symptom}`;
const outage = `heal:lab:_:Registry:${host}:registry-unreachable`;
const owners = (...namespaces: string[]) =>
  namespaces.flatMap((namespace) => [deployment(namespace), set(namespace)]);

beforeEach(() => jest.useFakeTimers({ now: Date.parse('2026-01-01T12:00:00Z') }));
afterEach(() => jest.useRealTimers());

test('every symptom in the telling order has a runbook, in the same order', () => {
  const symptoms = runbooks.map(({ symptom }) => symptom);
  expect(symptoms.filter((symptom) => tellingOrder.includes(symptom))).toEqual(tellingOrder);
});

test.each([
  ['rollout-stuck', ['rollout-stuck', 'image-pull'], true],
  ['image-pull', ['rollout-stuck', 'image-pull'], false],
  ['crash-loop', ['crash-loop'], false],
  ['node-not-ready', ['node-not-ready', 'image-pull'], false],
])('%s among %j: explained %s', (symptom, shown, explained) => {
  expect(isExplained(symptom, shown)).toBe(explained);
});

describe('symptoms of one target', () => {
  const missedDeadline = () => {
    const lastUpdateTime = ago(1_000);
    const type = 'Progressing';
    const reason = 'ProgressDeadlineExceeded';
    return deployment('a', [{ type, status: 'False', reason, lastUpdateTime }]);
  };

  test('the more telling one is the incident, in whatever order they are seen', () => {
    const failing = pod('a', unpulled(noHost));
    const { detector, told } = start([missedDeadline(), set('a'), failing]);
    detector.changed(missedDeadline());
    expect(told()).toEqual([`${incident('a', 'image-pull')} broken`]);
  });

  test('the more telling one counts also before it is due', () => {
    const failing = pod('a', unpulled(noHost), ago(0));
    const { told } = start([missedDeadline(), set('a'), failing]);
    expect(told()).toEqual([]);
    jest.advanceTimersByTime(10_000);
    expect(told()).toEqual([`${incident('a', 'image-pull')} broken`]);
  });

  test('the other is told as soon as the more telling one is gone', () => {
    const failing = pod('a', crashLoop);
    const { detector, told } = start([missedDeadline(), set('a'), failing]);
    detector.deleted(failing);
    expect(told()).toEqual([
      `${incident('a', 'crash-loop')} broken`,
      `${incident('a', 'rollout-stuck')} broken`,
    ]);
  });
});

describe('a registry whose pulls fail', () => {
  const failing = (namespace: string, message = noHost) => pod(namespace, unpulled(message));

  test('in two namespaces is two incidents', () => {
    const { told } = start([...owners('a', 'b'), failing('a'), failing('b')]);
    expect(told()).toEqual([
      `${incident('a', 'image-pull')} broken`,
      `${incident('b', 'image-pull')} broken`,
    ]);
  });

  test('in three namespaces is one incident, also when all are seen at once', () => {
    const pods = ['a', 'b', 'c'].map((namespace) => failing(namespace));
    const { reports, told } = start([...owners('a', 'b', 'c'), ...pods]);
    expect(told()).toEqual([`${outage} broken`]);
    expect(reports[0]!.observation.message).toBe(
      `pulls from ${host} fail in the namespaces a, b, c`,
    );
  });

  test('takes over the incidents that were told before, and is itself told once', () => {
    const { detector, reports, told } = start([...owners('a', 'b', 'c', 'd'), failing('a')]);
    for (const namespace of ['b', 'c', 'd']) detector.changed(failing(namespace));
    expect(told()).toEqual([
      `${incident('a', 'image-pull')} broken`,
      `${incident('b', 'image-pull')} broken`,
      `${outage} broken`,
      `${incident('a', 'image-pull')} owned`,
      `${incident('b', 'image-pull')} owned`,
    ]);
    expect(reports.at(-1)!.observation.message).toBe(`it is part of ${outage}`);
  });

  test('is back once no pod waits for it, after the soak', () => {
    const names = ['a', 'b', 'c'];
    const pods = names.map((namespace) => failing(namespace));
    const { detector, told } = start([...owners(...names), ...pods]);
    for (const namespace of names) {
      expect(told()).toEqual([`${outage} broken`]);
      detector.changed(pod(namespace, runs));
    }
    jest.advanceTimersByTime(soakMs);
    expect(told()).toEqual([`${outage} broken`, `${outage} recovered`]);
  });

  test('leaves images that it does not have to their own workloads', () => {
    const names = ['a', 'b', 'c'];
    const { told } = start([...owners(...names), ...names.map((name) => failing(name, unknown))]);
    expect(told()).toEqual(names.map((name) => `${incident(name, 'image-pull')} broken`));
  });
});
