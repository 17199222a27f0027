import { Registry } from 'prom-client';
import { Cache } from '../../src/client/detector/cache';
import { Detector } from '../../src/client/detector/detector';
import { deservingRevision, verdictOf } from '../../src/client/detector/marker';
import { createDetectorMetrics } from '../../src/client/detector/metrics';
import {
  type RawObject,
  type Resource,
  resources,
  type WatchedKind,
} from '../../src/client/detector/resources';
import { Tracker } from '../../src/client/detector/tracker';
import { viewOf } from '../../src/client/detector/view';
import { parseHealWorkflowId, type Report } from '../../src/client/incidents';
import { defaultDetectionSettings } from '../../src/model/healing';
import type { RevisionObject } from '../../src/model/kubernetes/revisions';
import { healWorkflowId } from '../../src/model/target';
import { runbooks } from '../../src/workflows/healing/runbooks';

const cluster = 'lab';
const soakMs = 1_000;
const template = {
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'c', image: 'i:1' }] },
};

/** An object as the watch would hand it over. */
function raw(
  kind: WatchedKind,
  name: string,
  fields: Partial<RawObject> & { owner?: RawObject } = {},
): RawObject {
  const { owner, metadata, ...rest } = fields;
  const { slim } = resources.find((one): one is Resource => one.kind === kind)!;
  const reference = owner && {
    apiVersion: 'v1',
    kind: owner.kind ?? '',
    name: owner.metadata.name ?? '',
    uid: owner.metadata.uid ?? '',
    controller: true,
  };
  return slim({
    kind,
    metadata: {
      name,
      namespace: 'shop',
      uid: `uid-${kind}-${name}`,
      resourceVersion: '1',
      generation: 1,
      ...(reference && { ownerReferences: [reference] }),
      ...metadata,
    },
    ...rest,
  });
}

const ago = (milliseconds: number) => new Date(Date.now() - milliseconds).toISOString();

function pod(
  name: string,
  owner: RawObject | undefined,
  state: 'crashing' | 'ready' | 'starting',
  more: object = {},
) {
  const containers = {
    crashing: {
      ready: false,
      restartCount: 2,
      state: { waiting: { reason: 'CrashLoopBackOff' } },
      lastState: { terminated: { exitCode: 3, reason: 'Error', finishedAt: ago(2_000) } },
    },
    ready: {
      ready: true,
      restartCount: 0,
      state: { running: { startedAt: ago(60_000) } },
      lastState: {},
    },
    starting: {
      ready: false,
      restartCount: 0,
      state: { running: { startedAt: ago(30_000) } },
      lastState: {},
    },
  };
  return raw('Pod', name, {
    owner,
    metadata: { labels: { app: 'web', 'pod-template-hash': 'h1' }, ...more },
    spec: { nodeName: 'n1', containers: [{ name: 'c' }] },
    status: {
      phase: 'Running',
      conditions: [
        {
          type: 'Ready',
          status: state === 'ready' ? 'True' : 'False',
          lastTransitionTime: ago(50_000),
        },
      ],
      containerStatuses: [{ name: 'c', ...containers[state] }],
    },
  });
}

function deployment(available: number, more: object = {}) {
  return raw('Deployment', 'web', {
    metadata: more,
    spec: { replicas: 3, strategy: {}, template },
    status: {
      observedGeneration: 1,
      replicas: 3,
      updatedReplicas: 3,
      readyReplicas: available,
      availableReplicas: available,
    },
  });
}

function replicaSet(owner: RawObject, annotations: Record<string, string> = {}) {
  return raw('ReplicaSet', 'web-h1', {
    owner,
    metadata: {
      labels: { app: 'web', 'pod-template-hash': 'h1' },
      annotations: { 'deployment.kubernetes.io/revision': '1', ...annotations },
    },
    spec: {
      replicas: 3,
      template: { ...template, metadata: { labels: { app: 'web', 'pod-template-hash': 'h1' } } },
    },
  });
}

const namespace = (annotations: Record<string, string> = {}) =>
  raw('Namespace', 'shop', { metadata: { namespace: undefined, annotations } });

function start(objects: RawObject[]) {
  const cache = new Cache();
  const reports: Report[] = [];
  const marked: string[] = [];
  const detector = new Detector({
    cluster,
    runbooks,
    settings: defaultDetectionSettings,
    soakMs,
    cache,
    tracker: new Tracker(),
    reporter: { add: (report) => void reports.push(report), forget: () => undefined },
    marker: {
      markAvailable: async (view) => {
        if (deservingRevision(view, Date.now())) marked.push('available');
      },
      markFaulty: async (revision) => void marked.push(`faulty ${revision.metadata?.name}`),
    },
    metrics: createDetectorMetrics(new Registry(), { objects: () => 0, pending: () => 0 }),
  });
  for (const object of objects) detector.changed(object);
  detector.start();
  return { detector, cache, reports, marked };
}

const web = deployment(0);
const rs = replicaSet(web);
const webIncident = healWorkflowId(
  { cluster, kind: 'Deployment', namespace: 'shop', name: 'web' },
  'crash-loop',
);

beforeEach(() => jest.useFakeTimers({ now: Date.parse('2026-01-01T12:00:00Z') }));
afterEach(() => jest.useRealTimers());

test('three crashing pods of a Deployment are three observations of one incident', () => {
  const { detector, reports, marked } = start([namespace(), web, rs]);
  for (const name of ['a', 'b', 'c']) detector.changed(pod(name, rs, 'crashing'));
  expect(reports.map(({ workflowId }) => workflowId)).toEqual([
    webIncident,
    webIncident,
    webIncident,
  ]);
  expect(marked).toContain('faulty web-h1');
});

test('a pod that was seen before its owner is judged once the owner is known', () => {
  const { detector, reports } = start([namespace(), web]);
  detector.changed(pod('a', rs, 'crashing'));
  expect(reports).toEqual([]);
  detector.changed(rs);
  expect(reports.map(({ workflowId }) => workflowId)).toEqual([webIncident]);
});

test.each([
  ['a pod that is still starting', [pod('a', rs, 'starting')]],
  [
    'a pod that is ending',
    [pod('a', rs, 'crashing', { deletionTimestamp: '2026-01-01T11:59:59Z' })],
  ],
  [
    'a pod that is marked',
    [pod('a', rs, 'crashing', { annotations: { 'homeostat.dev/ignore': 'true' } })],
  ],
])('%s is left alone', (_what, pods) => {
  expect(start([namespace(), web, rs, ...pods]).reports).toEqual([]);
});

test('what is marked by its owner or its namespace is left alone until the mark goes', () => {
  const ignore = { 'homeostat.dev/ignore': 'true' };
  const marked = { ...web, metadata: { ...web.metadata, annotations: ignore } };
  expect(start([namespace(), marked, rs, pod('a', rs, 'crashing')]).reports).toEqual([]);
  const { detector, reports } = start([namespace(ignore), web, rs, pod('a', rs, 'crashing')]);
  expect(reports).toEqual([]);
  detector.changed(namespace());
  expect(reports).toHaveLength(1);
});

test.each([
  ['a bare pod', undefined, 'Pod', 'a'],
  ['a pod of a kind that is not watched', { ...rs, kind: 'Widget' }, 'Widget', 'web-h1'],
  ['a static pod', { ...rs, kind: 'Node' }, 'Pod', 'a'],
])('%s has its own target', (_what, owner, kind, name) => {
  const { reports } = start([namespace(), pod('a', owner, 'crashing')]);
  expect(reports.map(({ target }) => target)).toEqual([{ cluster, kind, namespace: 'shop', name }]);
});

test('a recovery is told once the workload was whole for the soak without a break', () => {
  const { detector, reports } = start([namespace(), web, rs, pod('a', rs, 'crashing')]);
  const healthy = (available: number) => {
    for (const name of ['a', 'b', 'c']) detector.changed(pod(name, rs, 'ready'));
    detector.changed(deployment(available));
  };
  healthy(3);
  jest.advanceTimersByTime(soakMs - 1);
  healthy(2);
  jest.advanceTimersByTime(soakMs);
  expect(reports).toHaveLength(1);
  healthy(3);
  jest.advanceTimersByTime(soakMs);
  expect(reports.map(({ observation }) => observation.state)).toEqual(['broken', 'recovered']);
});

test('a list finds what went while the watch was away, and tells healings of what is gone', () => {
  const { detector, cache, reports } = start([
    namespace(),
    web,
    rs,
    pod('a', rs, 'crashing'),
    pod('b', rs, 'ready'),
  ]);
  detector.listed('Pod', undefined, [pod('b', rs, 'ready')]);
  expect(cache.count('Pod')).toBe(1);
  detector.listed('ReplicaSet', undefined, []);
  detector.listed('Deployment', undefined, []);
  expect(reports.at(-1)).toMatchObject({
    workflowId: webIncident,
    observation: { state: 'recovered', message: 'it no longer exists' },
  });
});

test('healings that ran before are told of a recovery', () => {
  const pods = ['a', 'b', 'c'].map((name) => pod(name, rs, 'ready'));
  const { detector, reports } = start([namespace(), deployment(3), rs, ...pods]);
  detector.seed([parseHealWorkflowId(webIncident)!]);
  jest.advanceTimersByTime(soakMs);
  expect(reports.map(({ workflowId, observation }) => [workflowId, observation.state])).toEqual([
    [webIncident, 'recovered'],
  ]);
});

test('the context of a fault is told: the latest warning and a node that is away', () => {
  const node = raw('Node', 'n1', {
    metadata: { namespace: undefined },
    status: { conditions: [{ type: 'Ready', status: 'Unknown' }] },
  });
  const warning = raw('Event', 'e', {
    involvedObject: { uid: 'uid-Pod-a' },
    reason: 'BackOff',
    message: 'backing off',
  });
  const { detector, reports } = start([namespace(), node, web, rs]);
  detector.changed(warning);
  detector.changed(pod('a', rs, 'crashing'));
  const report = reports.find(({ observation }) => observation.state === 'child');
  expect(report?.workflowId).toBe('heal:lab:_:Node:n1:node-not-ready');
  expect(report?.observation.message).toMatch(
    /CrashLoopBackOff.*; latest warning: BackOff: backing off; its node n1 is not ready/,
  );
});

test('a revision is marked once it is wholly available, and again only after a fault', () => {
  const pods = ['a', 'b', 'c'].map((name) => pod(name, rs, 'ready'));
  const deserving = (annotations: Record<string, string>) => {
    const { cache } = start([namespace(), deployment(3), replicaSet(web, annotations), ...pods]);
    const view = viewOf({ cluster, kind: 'Deployment', namespace: 'shop', name: 'web' }, cache)!;
    return deservingRevision(view, Date.now())?.metadata?.name;
  };
  const at = (time: string) => `h1 2026-01-01T${time}Z`;
  expect(deserving({})).toBe('web-h1');
  expect(deserving({ 'homeostat.dev/available': at('10:00:00') })).toBeUndefined();
  const faultyLater = {
    'homeostat.dev/available': at('10:00:00'),
    'homeostat.dev/faulty': at('11:00:00'),
  };
  expect(deserving(faultyLater)).toBe('web-h1');
  expect(verdictOf(replicaSet(web, faultyLater) as RevisionObject)).toBe('faulty');
});

test('ids of healings tell their target', () => {
  const node = { cluster, kind: 'Node', namespace: undefined, name: 'n1' };
  expect(parseHealWorkflowId(healWorkflowId(node, 'node-not-ready'))).toEqual({
    target: node,
    symptom: 'node-not-ready',
  });
  expect(parseHealWorkflowId('governor:lab')).toBeUndefined();
});
