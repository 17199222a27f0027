import {
  type Alert,
  episodeOf,
  observationOf,
  rememberEpisodes,
  subjectOf,
} from '../../src/model/alerts';
import {
  newUnmatchedState,
  receiveUnmatched,
  type UnmatchedAlert,
} from '../../src/model/unmatched';

describe('the object that an alert is about', () => {
  const scrape = { job: 'kube-state-metrics', instance: '10.0.0.9:8080', container: 'main' };

  test.each<[string, Record<string, string>, string | undefined]>([
    ['KubePodCrashLooping', { namespace: 'shop', pod: 'web-1-x' }, 'Pod/shop/web-1-x'],
    [
      'KubeDeploymentRolloutStuck',
      // The pod is of kube-state-metrics, which measured it.
      { namespace: 'shop', deployment: 'web', pod: 'kube-state-metrics-0' },
      'Deployment/shop/web',
    ],
    [
      'KubeStatefulSetReplicasMismatch',
      { namespace: 'shop', statefulset: 'db' },
      'StatefulSet/shop/db',
    ],
    ['KubeDaemonSetRolloutStuck', { namespace: 'shop', daemonset: 'log' }, 'DaemonSet/shop/log'],
    ['KubeJobFailed', { namespace: 'shop', job_name: 'backup' }, 'Job/shop/backup'],
    [
      'KubeHpaMaxedOut',
      { namespace: 'shop', horizontalpodautoscaler: 'web' },
      'HorizontalPodAutoscaler/shop/web',
    ],
    [
      'KubePersistentVolumeFillingUp',
      { namespace: 'shop', persistentvolumeclaim: 'data-db-0', node: 'node-1' },
      'PersistentVolumeClaim/shop/data-db-0',
    ],
    [
      'KubePdbNotEnoughHealthyPods',
      { namespace: 'shop', poddisruptionbudget: 'web' },
      'PodDisruptionBudget/shop/web',
    ],
    [
      'KubeNodeNotReady',
      { node: 'node-1', namespace: 'monitoring', pod: 'kube-state-metrics-0' },
      'Node/node-1',
    ],
    [
      'DiskSmells',
      { node: 'ip-10-0-0-1.eu-west-1.compute.internal' },
      'Node/ip-10-0-0-1.eu-west-1.compute.internal',
    ],
    [
      'KubePodCrashLooping',
      {
        namespace: 'monitoring',
        pod: 'kube-state-metrics-0',
        exported_namespace: 'shop',
        exported_pod: 'web-1-x',
      },
      'Pod/shop/web-1-x',
    ],
    ['Watchdog', {}, undefined],
    ['KubePodCrashLooping', { pod: 'web-1-x' }, undefined],
    ['KubePodCrashLooping', { namespace: 'shop' }, undefined],
    ['KubePodCrashLooping', { namespace: 'shop', pod: '' }, undefined],
    ['KubePodCrashLooping', { namespace: '../kube-system', pod: 'web' }, undefined],
    ['KubePodCrashLooping', { namespace: 'shop', pod: 'web/../../secrets/x' }, undefined],
    ['KubePodCrashLooping', { namespace: 'shop', pod: 'web:crash-loop' }, undefined],
    ['KubePodCrashLooping', { namespace: 'shop', pod: 'x'.repeat(254) }, undefined],
  ])('%s %j is about %s', (name, labels, expected) => {
    const subject = subjectOf({ name, labels: { ...scrape, ...labels } });
    const written = subject && [subject.kind, subject.namespace, subject.name];
    expect(written?.filter(Boolean).join('/')).toBe(expected);
  });
});

const alert = (more: Partial<Alert> = {}): Alert => ({
  status: 'firing',
  name: 'KubePodCrashLooping',
  labels: {},
  message: 'it crashes',
  fingerprint: 'f1',
  startsAt: '2026-01-01T00:01:00.000Z',
  ...more,
});

describe('what alerts of one incident tell together', () => {
  const pod = { kind: 'Pod', namespace: 'shop', name: 'web-1-x' };

  test('the fault is there as long as one fires, since the first of them began', () => {
    const earlier = alert({ fingerprint: 'f2', startsAt: '2026-01-01T00:00:00.000Z' });
    const over = alert({ fingerprint: 'f3', status: 'resolved' });
    expect(observationOf([over, alert(), earlier], pod)).toEqual({
      object: 'Pod/shop/web-1-x',
      state: 'broken',
      message: 'alert KubePodCrashLooping firing (2 alerts): it crashes',
      seenAt: '2026-01-01T00:00:00.000Z',
      alerts: [
        expect.objectContaining({ fingerprint: 'f1' }),
        expect.objectContaining({ fingerprint: 'f2' }),
      ],
    });
  });

  test('it is told as over when all of them are', () => {
    const endsAt = '2026-01-01T00:05:00.000Z';
    expect(observationOf([alert({ status: 'resolved', endsAt })], pod)).toMatchObject({
      state: 'recovered',
      seenAt: endsAt,
    });
  });

  test('episodes are remembered once, and not for ever', () => {
    const known = rememberEpisodes([], [episodeOf(alert()), episodeOf(alert())]);
    expect(known).toEqual(['f1@2026-01-01T00:01:00.000Z']);
    const many = Array.from({ length: 2_000 }, (_, index) => `e${index}`);
    expect(rememberEpisodes(known, many)).toEqual(many.slice(-500));
  });
});

describe('the list of alerts that nothing answers', () => {
  const listed = (more: Partial<UnmatchedAlert> = {}): UnmatchedAlert => ({
    name: 'Watchdog',
    fingerprint: 'f1',
    status: 'firing',
    startsAt: '2026-01-01T00:00:00.000Z',
    message: 'it watches',
    labels: '',
    why: 'no runbook answers Watchdog',
    ...more,
  });
  const later = '2026-01-02T00:00:00.000Z';

  test.each<[string, UnmatchedAlert[], Partial<UnmatchedAlert>, number]>([
    ['a duplicate is no news', [listed(), listed()], { status: 'firing' }, 1],
    ['its end is listed', [listed(), listed({ status: 'resolved' })], { status: 'resolved' }, 1],
    [
      'firing after resolved is late',
      [listed(), listed({ status: 'resolved' }), listed()],
      { status: 'resolved' },
      1,
    ],
    [
      'a new episode is news',
      [listed(), listed({ status: 'resolved' }), listed({ startsAt: later })],
      { status: 'firing', startsAt: later },
      2,
    ],
    [
      'an old episode after a new one is late',
      [listed({ startsAt: later }), listed()],
      { status: 'firing', startsAt: later },
      1,
    ],
  ])('%s', (_what, received, expected, news) => {
    const state = newUnmatchedState('lab');
    const told = received.flatMap((one) => receiveUnmatched(state, [one], later));
    expect(state.alerts).toEqual([
      expect.objectContaining({ ...expected, times: received.length }),
    ]);
    expect(told).toHaveLength(news);
  });

  test('the end of what was never heard of is not listed', () => {
    const state = newUnmatchedState('lab');
    expect(receiveUnmatched(state, [listed({ status: 'resolved' })], later)).toEqual([]);
    expect(state.alerts).toEqual([]);
  });

  test('it stays bounded, and says what made room', () => {
    const state = newUnmatchedState('lab');
    const many = Array.from({ length: 700 }, (_, index) => listed({ fingerprint: `f${index}` }));
    expect(receiveUnmatched(state, many, later)).toHaveLength(700);
    expect(state).toMatchObject({ dropped: 200 });
    expect(state.alerts).toHaveLength(500);
    expect(state.alerts.at(-1)).toMatchObject({ fingerprint: 'f699' });
  });
});
