import type { V1Pod } from '@kubernetes/client-node';
import { MockActivityEnvironment } from '@temporalio/testing';
import {
  createKubernetesActivities,
  type KubernetesActivities,
} from '../../../src/activities/kubernetes';
import type { PatchOperation } from '../../../src/activities/kubernetes/client';
import type { Change, ChangeRequest } from '../../../src/model/change';
import { type Declined, isDeclined, type Planned } from '../../../src/model/procedure';
import { unbroken } from '../../support/unbroken';
import { type PodOptions, pod } from '../kubernetes/objects';
import { type Answer, type Asked, FakeApi } from './fake-api';

const target = { cluster: 'trial', kind: 'Deployment', namespace: 'shop', name: 'web' };
const artifacts = {
  put: () => Promise.reject(new Error('unused')),
  read: () => Promise.reject(new Error('unused')),
};

const long = new Date(Date.now() - 3_600_000).toISOString();

/** A pod that has been terminating for an hour. */
function stuck(name: string, options: PodOptions & { finalizers?: string[]; grace?: number } = {}) {
  const made = pod({ name, deletionTimestamp: long, ...options });
  Object.assign(made.metadata!, {
    finalizers: options.finalizers,
    deletionGracePeriodSeconds: options.grace ?? 30,
    resourceVersion: '7',
  });
  return made;
}

function evicted(name: string, createdAt: string): V1Pod {
  const made = pod({ name, phase: 'Failed' });
  made.status!.reason = 'Evicted';
  made.metadata!.creationTimestamp = createdAt as never;
  return made;
}

/** A Deployment in memory with pods that can be deleted. */
class Cluster {
  api!: FakeApi;
  activities!: KubernetesActivities;

  private constructor(public pods: V1Pod[]) {}

  static async start(pods: V1Pod[]): Promise<Cluster> {
    const cluster = new Cluster(pods);
    cluster.api = await FakeApi.start((asked) => cluster.answer(asked));
    const { kubeConfig } = cluster.api;
    cluster.activities = createKubernetesActivities({
      kubeConfig,
      breaker: unbroken,
      artifacts,
      clusterName: 'trial',
    });
    return cluster;
  }

  private answer({ method, path, body }: Asked): Answer {
    if (path.endsWith('/deployments/web')) return { body: workload };
    if (path.endsWith('/pods')) return { body: { items: this.pods } };
    const found = this.pods.find(({ metadata }) => path.endsWith(`/${metadata!.name}`));
    if (!found) return { code: 404, body: {} };
    if (method === 'PATCH') {
      const kept = (body as PatchOperation[]).find(({ op }) => op === 'replace')!;
      found.metadata!.finalizers = kept.value as string[];
    }
    if (method === 'DELETE') {
      const { preconditions } = body as { preconditions: { uid: string } };
      if (preconditions.uid !== found.metadata!.uid) return { code: 409, body: {} };
      this.pods = this.pods.filter((one) => one !== found);
    }
    return { body: found };
  }

  plan = (kind: ChangeRequest['kind']): Promise<Planned<Change> | Declined> =>
    new MockActivityEnvironment().run(this.activities.planChange, {
      kind,
      target,
    } as ChangeRequest);

  async changeFor(kind: ChangeRequest['kind']): Promise<Change> {
    const planned = await this.plan(kind);
    if (isDeclined(planned)) throw new Error(planned.declined);
    return planned.change;
  }

  make = (change: Change, attempt = 1) =>
    new MockActivityEnvironment({ attempt }).run(this.activities.makeChange, change);

  revert = (change: Change) =>
    new MockActivityEnvironment().run(this.activities.revertChange, change);

  names = () => this.pods.map(({ metadata }) => metadata!.name);
}

const workload = {
  metadata: { name: 'web', namespace: 'shop', uid: 'workload-uid' },
  spec: { selector: { matchLabels: { app: 'web' } }, strategy: {} },
};

describe('changes that end pods', () => {
  let cluster: Cluster;
  const start = async (...pods: V1Pod[]) => {
    cluster = await Cluster.start(pods);
  };

  afterEach(() => cluster.api.stop());

  test('a forced deletion takes the stuck pods only, each once', async () => {
    const justAsked = pod({ name: 'fresh', deletionTimestamp: new Date().toISOString() });
    await start(stuck('old'), justAsked, pod({ name: 'good' }));
    const change = await cluster.changeFor('force-delete');
    expect(change).toMatchObject({ pods: [{ name: 'old', uid: 'uid-of-old' }] });
    expect(await cluster.make(change)).toMatchObject({ result: 'changed' });
    expect(await cluster.make(change, 2)).toMatchObject({ result: 'already' });
    expect(cluster.names()).toEqual(['fresh', 'good']);
    const deletes = cluster.api.asked.filter(({ method }) => method === 'DELETE');
    expect(deletes.map(({ body }) => body)).toEqual([
      { gracePeriodSeconds: 0, preconditions: { uid: 'uid-of-old' } },
    ]);
  });

  test('a pod of that name that is another is not touched', async () => {
    await start(stuck('old'));
    const change = await cluster.changeFor('force-delete');
    const other = pod({ name: 'old' });
    other.metadata!.uid = 'another';
    cluster.pods = [other];
    expect(await cluster.make(change)).toMatchObject({ result: 'gone' });
    expect(cluster.names()).toEqual(['old']);
  });

  test.each([
    ['has ended, so that only a finalizer keeps it', stuck('old', { grace: 0 })],
    [
      'has a volume that outlives it',
      stuck('old', {
        spec: { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] },
      }),
    ],
    [
      'is marked to be left alone',
      stuck('old', { annotations: { 'homeostat.dev/ignore': 'true' } }),
    ],
  ])('no deletion is forced of a pod that %s', async (_name, object) => {
    await start(object);
    expect(await cluster.plan('force-delete')).toMatchObject({ declined: expect.any(String) });
  });

  test('foreign finalizers are removed, those of Kubernetes stay', async () => {
    const own = 'batch.kubernetes.io/job-tracking';
    await start(stuck('old', { grace: 0, finalizers: [own, 'example.com/a'] }));
    const change = await cluster.changeFor('remove-finalizers');
    expect(change).toMatchObject({ pods: [{ name: 'old', finalizers: ['example.com/a'] }] });
    expect(await cluster.make(change)).toMatchObject({ result: 'changed' });
    expect(cluster.pods[0]!.metadata!.finalizers).toEqual([own]);
    expect(await cluster.make(change, 2)).toMatchObject({ result: 'already' });
    expect(cluster.api.count('PATCH')).toBe(1);
  });

  test.each([
    ['a pod that has not ended yet', stuck('old', { finalizers: ['example.com/a'] })],
    ['a finalizer of Kubernetes', stuck('old', { grace: 0, finalizers: ['foregroundDeletion'] })],
  ])('no finalizer is removed: %s', async (_name, object) => {
    await start(object);
    expect(await cluster.plan('remove-finalizers')).toMatchObject({ declined: expect.any(String) });
  });

  test('evicted pods are collected, the oldest hundred', async () => {
    const many = Array.from({ length: 130 }, (_, n) =>
      evicted(`e${n}`, new Date(Date.now() - n * 1_000).toISOString()),
    );
    await start(...many, pod({ name: 'good' }));
    const planned = (await cluster.plan('collect-evicted')) as Planned<Change>;
    expect(planned.summary).toContain('delete 100 evicted pods');
    expect(planned.summary).toContain('30 more are left');
    expect(await cluster.make(planned.change)).toMatchObject({ result: 'changed' });
    const kept = ['good', ...many.slice(0, 30).map(({ metadata }) => metadata!.name)];
    expect(new Set(cluster.names())).toEqual(new Set(kept));
  });

  test('what cannot be undone says so', async () => {
    await start(stuck('old'));
    const change = await cluster.changeFor('force-delete');
    expect(await cluster.revert(change)).toMatchObject({
      result: 'gone',
      detail: 'it cannot be undone: old',
    });
  });
});
