import type { CoreV1Event } from '@kubernetes/client-node';
import { Registry } from 'prom-client';
import { Cache } from '../../src/client/detector/cache';
import { Detector } from '../../src/client/detector/detector';
import { createDetectorMetrics } from '../../src/client/detector/metrics';
import { ReadyLosses } from '../../src/client/detector/ready-losses';
import { type RawObject, resources, type WatchedKind } from '../../src/client/detector/resources';
import { Tracker } from '../../src/client/detector/tracker';
import type { Report } from '../../src/client/incidents';
import { defaultDetectionSettings } from '../../src/model/healing';
import { runbooks } from '../../src/workflows/healing/runbooks';

const ago = (seconds: number) => new Date(Date.now() - seconds * 1_000).toISOString();

function raw(kind: WatchedKind, object: Omit<RawObject, 'kind'>): RawObject {
  const { slim } = resources.find((one) => one.kind === kind)!;
  return slim({ kind, ...object } as RawObject);
}

const node = (status: string, since = 120) =>
  raw('Node', {
    metadata: { name: 'n1', uid: 'u-n1' },
    status: { conditions: [{ type: 'Ready', status, lastTransitionTime: ago(since) }] },
  });

const crashing = (name: string) =>
  raw('Pod', {
    metadata: { name, namespace: 'shop', uid: `u-${name}` },
    spec: { nodeName: 'n1', containers: [{ name: 'c' }] },
    status: {
      phase: 'Running',
      containerStatuses: [
        {
          name: 'c',
          ready: false,
          restartCount: 2,
          state: { waiting: { reason: 'CrashLoopBackOff' } },
          lastState: { terminated: { exitCode: 1, finishedAt: ago(5) } },
        },
      ],
    },
  });

const namespace = raw('Namespace', { metadata: { name: 'shop', uid: 'u-shop' } });

function start(objects: RawObject[]) {
  const reports: Report[] = [];
  const cache = new Cache();
  const detector = new Detector({
    cluster: 'lab',
    runbooks,
    settings: defaultDetectionSettings,
    soakMs: 1_000,
    cache,
    tracker: new Tracker(),
    reporter: { add: (report) => reports.push(report), forget: () => undefined },
    marker: { markAvailable: async () => undefined, markFaulty: async () => undefined },
    metrics: createDetectorMetrics(new Registry(), {
      objects: (kind) => cache.count(kind),
      pending: () => 0,
    }),
  });
  for (const object of objects) detector.changed(object);
  detector.start();
  const told = () =>
    reports.map(({ workflowId, observation }) => `${workflowId} ${observation.state}`);
  return { detector, told };
}

const ofNode = 'heal:lab:_:Node:n1:node-not-ready';
const ofPod = 'heal:lab:shop:Pod:web:crash-loop';

describe('a node that is down', () => {
  let detector: Detector;
  afterEach(() => detector.stop());

  test('owns the troubles of its pods, and gives them back when it is up again', () => {
    const started = start([namespace, node('Unknown'), crashing('web')]);
    ({ detector } = started);
    expect(started.told()).toEqual([`${ofNode} broken`, `${ofNode} child`]);
    detector.changed(node('True', 1));
    expect(started.told().slice(2)).toEqual([`${ofPod} broken`]);
  });

  test('owns them also before its own incident is due', () => {
    const started = start([namespace, node('Unknown', 5), crashing('web')]);
    ({ detector } = started);
    expect(started.told()).toEqual([]);
  });

  test('does not own those of other nodes', () => {
    const started = start([namespace, node('True'), crashing('web')]);
    ({ detector } = started);
    expect(started.told()).toEqual([`${ofPod} broken`]);
  });

  test('is told of again when it is lost anew, and flaps when that happens too often', () => {
    const started = start([namespace, node('True', 1_000)]);
    ({ detector } = started);
    for (const since of [600, 400, 200]) {
      detector.changed(node('False', since));
      detector.changed(node('True', since - 10));
    }
    expect(started.told().at(-1)).toBe('heal:lab:_:Node:n1:node-flapping broken');
  });
});

describe('losses of Ready', () => {
  const event = (fields: Partial<Record<keyof CoreV1Event, unknown>>) =>
    ({ involvedObject: { name: 'n1' }, ...fields }) as unknown as CoreV1Event;

  test('are counted once, however often a node is seen so', () => {
    const losses = new ReadyLosses();
    for (const one of [node('True'), node('False', 60), node('False', 60), node('False', 30)])
      losses.take(one);
    expect(losses.of('n1')).toHaveLength(2);
  });

  test('are learned from events, and not counted twice with the condition', () => {
    const losses = new ReadyLosses();
    losses.recall([event({ count: 3, firstTimestamp: ago(300), lastTimestamp: ago(100) })]);
    losses.take(node('False', 100));
    expect(
      losses.of('n1').map((time) => Math.round((Date.now() - Date.parse(time)) / 1_000)),
    ).toEqual([300, 200, 100]);
  });

  test('are bounded', () => {
    const losses = new ReadyLosses();
    losses.recall([event({ count: 10_000, firstTimestamp: ago(90_000), lastTimestamp: ago(1) })]);
    expect(losses.of('n1')).toHaveLength(50);
  });
});
