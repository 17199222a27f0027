import type { V1Job } from '@kubernetes/client-node';
import { MockActivityEnvironment } from '@temporalio/testing';
import {
  createKubernetesActivities,
  type KubernetesActivities,
} from '../../../src/activities/kubernetes';
import type { Change, RecreateJobChange } from '../../../src/model/change';
import { type Declined, isDeclined, type Planned } from '../../../src/model/procedure';
import type { Target } from '../../../src/model/target';
import { unbroken } from '../../support/unbroken';
import { type Answer, type Asked, FakeApi } from './fake-api';

const artifacts = {
  put: () => Promise.reject(new Error('unused')),
  read: () => Promise.reject(new Error('unused')),
};
const target: Target = { cluster: 'trial', kind: 'Job', namespace: 'shop', name: 'import' };

function failedJob(annotations: Record<string, string> = {}): V1Job {
  return {
    metadata: {
      name: 'import',
      namespace: 'shop',
      uid: 'uid-1',
      labels: { team: 'data', 'batch.kubernetes.io/controller-uid': 'uid-1' },
      annotations: { 'homeostat.dev/idempotent': 'true', ...annotations },
      ownerReferences: [
        { apiVersion: 'batch/v1', kind: 'CronJob', name: 'nightly', uid: 'c', controller: true },
      ],
    },
    spec: {
      backoffLimit: 0,
      selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': 'uid-1' } },
      template: {
        metadata: { labels: { app: 'import', 'job-name': 'import', 'controller-uid': 'uid-1' } },
        spec: { containers: [{ name: 'main', image: 'import:1' }], restartPolicy: 'Never' },
      },
    },
    status: {
      conditions: [
        {
          type: 'Failed',
          status: 'True',
          reason: 'BackoffLimitExceeded',
          lastTransitionTime: '2026-03-01T12:00:00Z' as never,
        },
      ],
    },
  };
}

/** One Job in memory. */
class Cluster {
  api!: FakeApi;
  activities!: KubernetesActivities;
  made = 0;

  private constructor(public job: V1Job | undefined) {}

  static async start(job?: V1Job): Promise<Cluster> {
    const cluster = new Cluster(job);
    cluster.api = await FakeApi.start((asked) => cluster.answer(asked));
    const { kubeConfig } = cluster.api;
    const clusterName = 'trial';
    cluster.activities = createKubernetesActivities({
      kubeConfig,
      breaker: unbroken,
      artifacts,
      clusterName,
    });
    return cluster;
  }

  private answer({ method, path, body, query }: Asked): Answer {
    const items = this.job ? [this.job] : [];
    if (query.get('watch')) return { lines: [] };
    if (method === 'POST') {
      if (query.get('dryRun')) return { code: 409, body: { message: 'already exists' } };
      this.made += 1;
      this.job = body as V1Job;
      this.job.metadata!.uid = `uid-${this.made + 1}`;
      return { code: 201, body: this.job };
    }
    if (path.endsWith('/jobs')) return { body: { items, metadata: { resourceVersion: '1' } } };
    if (!this.job) return { code: 404, body: {} };
    if (method === 'DELETE') this.job = undefined;
    return { body: this.job ?? {} };
  }

  plan = (about = target): Promise<Planned<Change> | Declined> =>
    new MockActivityEnvironment().run(this.activities.planChange, {
      kind: 'recreate-job' as const,
      target: about,
    });

  async change(about = target): Promise<RecreateJobChange> {
    const planned = await this.plan(about);
    if (isDeclined(planned)) throw new Error(planned.declined);
    return planned.change as RecreateJobChange;
  }

  make = (change: Change, attempt = 1) =>
    new MockActivityEnvironment({ attempt }).run(this.activities.makeChange, change);
}

describe('a failed Job', () => {
  let cluster: Cluster;
  afterEach(() => cluster.api.stop());

  test('is made anew once, without what its controller wrote', async () => {
    cluster = await Cluster.start(failedJob());
    const change = await cluster.change();
    expect(await cluster.make(change)).toMatchObject({ result: 'changed' });
    expect(await cluster.make(change, 2)).toMatchObject({ result: 'already' });
    expect(cluster.made).toBe(1);
    const { metadata, spec } = cluster.job!;
    expect(metadata).toMatchObject({
      labels: { team: 'data' },
      annotations: { 'homeostat.dev/replaces': 'uid-1', 'homeostat.dev/attempt': '1' },
      ownerReferences: [{ name: 'nightly' }],
    });
    expect(metadata!.labels).not.toHaveProperty(['batch.kubernetes.io/controller-uid']);
    expect(spec).not.toHaveProperty('selector');
    expect(spec!.template.metadata!.labels).toEqual({ app: 'import' });
  });

  test('an attempt that died between deleting and creating is gone on with', async () => {
    cluster = await Cluster.start(failedJob());
    const change = await cluster.change();
    cluster.job = undefined;
    expect(await cluster.make(change, 2)).toMatchObject({ result: 'changed' });
    expect(cluster.made).toBe(1);
  });

  test('one that is gone at the first attempt was deleted by somebody', async () => {
    cluster = await Cluster.start(failedJob());
    const change = await cluster.change();
    cluster.job = undefined;
    expect(await cluster.make(change)).toMatchObject({ result: 'gone' });
    expect(cluster.made).toBe(0);
  });

  test('of a CronJob is found by its owner', async () => {
    cluster = await Cluster.start(failedJob());
    const change = await cluster.change({ ...target, kind: 'CronJob', name: 'nightly' });
    expect(change).toMatchObject({ job: 'import', target: { kind: 'CronJob', name: 'nightly' } });
    expect(await cluster.make(change)).toMatchObject({ result: 'changed' });
  });

  test.each<[string, (job: V1Job) => void]>([
    ['is not marked', ({ metadata }) => (metadata!.annotations = {})],
    ['2 times already', ({ metadata }) => (metadata!.annotations!['homeostat.dev/attempt'] = '2')],
    ['no Job of it has failed', ({ status }) => (status!.conditions = [])],
    [
      'holds secrets',
      ({ spec }) => {
        spec!.template.spec!.containers[0]!.env = [{ name: 'PASSWORD', value: 'hunter2' }];
      },
    ],
  ])('is left alone: %s', async (why, change) => {
    const job = failedJob();
    change(job);
    cluster = await Cluster.start(job);
    expect(await cluster.plan()).toEqual({ declined: expect.stringContaining(why) });
  });
});
