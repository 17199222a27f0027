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
import {
  at,
  crashing,
  daemonSet,
  deployment,
  ended,
  pod,
  statefulSet,
} from '../kubernetes/objects';
import { type Answer, type Asked, FakeApi } from './fake-api';

const target = { cluster: 'trial', kind: 'Deployment', namespace: 'shop', name: 'web' };
const artifacts = {
  put: () => Promise.reject(new Error('unused')),
  read: () => Promise.reject(new Error('unused')),
};
const killed = { ...ended(at(30), 137), reason: 'OOMKilled' };

/** A workload in memory with its pods, a node and a quota. */
class Cluster {
  api!: FakeApi;
  activities!: KubernetesActivities;
  quota: { hard: object; used: object } | undefined;
  allocatable = '1Gi';

  constructor(
    private readonly live: ReturnType<typeof deployment | typeof statefulSet | typeof daemonSet>,
    public pods: V1Pod[],
    private readonly kind: 'Deployment' | 'StatefulSet' | 'DaemonSet' = 'Deployment',
  ) {}

  async start(): Promise<this> {
    this.api = await FakeApi.start((asked) => this.answer(asked));
    this.activities = createKubernetesActivities({
      kubeConfig: this.api.kubeConfig,
      breaker: unbroken,
      artifacts,
      clusterName: 'trial',
    });
    return this;
  }

  private answer({ method, path, body }: Asked): Answer {
    if (path.endsWith('/resourcequotas')) {
      const quota = { metadata: { name: 'most' }, status: this.quota };
      return { body: { items: this.quota ? [quota] : [] } };
    }
    if (path.endsWith('/nodes/n1')) {
      return { body: { status: { allocatable: { memory: this.allocatable } } } };
    }
    if (path.endsWith('/pods')) return { body: { items: this.pods } };
    if (path.endsWith('/web')) {
      if (method === 'PATCH') this.apply(body as PatchOperation[]);
      return { body: this.live };
    }
    const found = this.pods.find(({ metadata }) => path.endsWith(`/${metadata!.name}`));
    if (!found) return { code: 404, body: {} };
    if (method === 'DELETE') this.replace(found);
    return { body: found };
  }

  private apply(operations: PatchOperation[]): void {
    this.live.spec!.template = operations.find(({ op }) => op === 'replace')!.value as never;
    this.live.metadata!.generation! += 1;
  }

  /** What the controller does at once here: a new pod in the place of the old, unless a test says otherwise. */
  replace = (old: V1Pod): void => {
    const { name } = old.metadata!;
    const fresh = { ...old, metadata: { ...old.metadata, uid: `new-${name}` } };
    fresh.status = pod({ name }).status!;
    this.pods = this.pods.map((one) => (one === old ? fresh : one));
  };

  plan = (kind: ChangeRequest['kind']): Promise<Planned<Change> | Declined> =>
    new MockActivityEnvironment().run(this.activities.planChange, {
      kind,
      target: { ...target, kind: this.kind },
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

  memory = () => this.live.spec!.template.spec!.containers[0]!.resources!.limits?.memory;
}

let cluster: Cluster;

afterEach(() => cluster.api.stop());

describe('more memory', () => {
  function hungry(memory: string | undefined, ...pods: V1Pod[]): Cluster {
    const live = deployment();
    live.spec!.template.spec!.containers[0]!.resources = memory ? { limits: { memory } } : {};
    return new Cluster(live, pods);
  }

  const owned = { name: 'web-b', labels: { 'pod-template-hash': 'b' } };
  const dead = (name = 'web-1') =>
    pod({
      ...owned,
      name,
      ready: false,
      statuses: [crashing(killed)],
      spec: {
        nodeName: 'n1',
        containers: [{ name: 'main', resources: { requests: { memory: '20Mi' } } }],
      },
    });

  test('is a quarter more, once, and is taken back', async () => {
    cluster = await hungry('40Mi', dead()).start();
    const change = await cluster.changeFor('raise-memory');
    expect(change).toMatchObject({ raised: [{ container: 'main', from: '40Mi', to: '50Mi' }] });
    expect(await cluster.make(change)).toMatchObject({ result: 'changed' });
    expect(await cluster.make(change, 2)).toMatchObject({ result: 'already' });
    expect(cluster.memory()).toBe('50Mi');
    expect(await cluster.revert(change)).toMatchObject({ result: 'changed' });
    expect(cluster.memory()).toBe('40Mi');
    expect(cluster.api.count('PATCH')).toBe(2);
  });

  test('gives way to somebody who has set another limit meanwhile', async () => {
    cluster = await hungry('40Mi', dead()).start();
    const change = await cluster.changeFor('raise-memory');
    await cluster.make({
      ...change,
      raised: [{ container: 'main', from: '40Mi', to: '1Gi' }],
    } as Change);
    expect(await cluster.make(change)).toMatchObject({ result: 'superseded' });
    expect(cluster.memory()).toBe('1Gi');
  });

  test('never exceeds the cap', async () => {
    cluster = await hungry('3584Mi', dead()).start();
    cluster.allocatable = '64Gi';
    expect(await cluster.changeFor('raise-memory')).toMatchObject({ raised: [{ to: '4096Mi' }] });
  });

  test.each<[string, Cluster, Partial<Cluster>]>([
    ['at healing.limits.memoryMax', hungry('4Gi', dead()), {}],
    ['has no memory limit', hungry(undefined, dead()), {}],
    ['none of its pods was killed', hungry('40Mi', pod(owned)), {}],
    [
      'the quota most leaves no room for 20Mi more',
      hungry('40Mi', dead()),
      { quota: { hard: { 'limits.memory': '100Mi' }, used: { 'limits.memory': '90Mi' } } },
    ],
    ['node n1 has less than 10Mi', hungry('40Mi', dead()), { allocatable: '25Mi' }],
  ])('is declined: %s', async (why, made, more) => {
    cluster = await Object.assign(made, more).start();
    expect(await cluster.plan('raise-memory')).toEqual({ declined: expect.stringContaining(why) });
  });
});

describe('unready pods made anew', () => {
  const of = (ownerKind: string, name: string, ready: boolean, since = at(5)) => {
    const made = pod({ name, ready, spec: { nodeName: 'n1' } });
    Object.assign(made.metadata!.ownerReferences![0]!, { kind: ownerKind, uid: 'workload-uid' });
    made.status!.conditions![0]!.lastTransitionTime = since as never;
    return made;
  };

  function set(...ready: boolean[]): Cluster {
    const pods = ready.map((one, ordinal) => of('StatefulSet', `web-${ordinal}`, one));
    return new Cluster(statefulSet({ spec: { replicas: ready.length } }), pods, 'StatefulSet');
  }

  function daemons(pods: V1Pod[], maxUnavailable: number | string = 1): Cluster {
    const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { maxUnavailable } };
    const status = { desiredNumberScheduled: pods.length };
    return new Cluster(daemonSet({ spec: { updateStrategy }, status }), pods, 'DaemonSet');
  }

  test('of a StatefulSet: the unready ordinal alone, once', async () => {
    cluster = await set(true, false, true).start();
    const change = await cluster.changeFor('replace-unready');
    expect(change).toMatchObject({ pods: [{ name: 'web-1' }], atOnce: 1 });
    expect(await cluster.make(change)).toMatchObject({ result: 'changed' });
    expect(await cluster.make(change, 2)).toMatchObject({ result: 'already' });
    expect(cluster.api.count('DELETE')).toBe(1);
    expect(await cluster.revert(change)).toMatchObject({ result: 'already' });
  });

  test('of a StatefulSet: the next one only when the one before is ready', async () => {
    cluster = await set(true, false, true, false, true).start();
    const change = await cluster.changeFor('replace-unready');
    const seen: boolean[] = [];
    const { replace } = cluster;
    cluster.replace = (old) => {
      seen.push(cluster.pods.filter(({ metadata }) => metadata!.uid!.startsWith('new')).length > 0);
      replace(old);
    };
    await cluster.make(change);
    expect(seen).toEqual([false, true]);
  });

  test.each([
    ['2 of 3 pods are unready', () => set(false, false, true)],
    ['1 of 2 pods are unready', () => set(false, true)],
    ['none of its pods is unready', () => set(true, true, true)],
    [
      'none of its pods is unready for long enough',
      () => daemons([of('DaemonSet', 'a', false, new Date().toISOString())]),
    ],
    ['a Deployment replaces its pods', () => new Cluster(deployment(), [])],
  ])('is declined: %s', async (why, made) => {
    cluster = await made().start();
    expect(await cluster.plan('replace-unready')).toEqual({
      declined: expect.stringContaining(why),
    });
  });

  test('of a set of one, which has no quorum to lose', async () => {
    cluster = await set(false).start();
    expect(await cluster.changeFor('replace-unready')).toMatchObject({ pods: [{ name: 'web-0' }] });
  });

  test.each<[number | string, number]>([
    [1, 1],
    [2, 2],
    ['50%', 2],
    ['1%', 1],
    [0, 1],
  ])('of a DaemonSet with maxUnavailable %s: %d at once', async (maxUnavailable, atOnce) => {
    const pods = ['a', 'b', 'c', 'd'].map((name) => of('DaemonSet', name, name > 'b'));
    cluster = await daemons(pods, maxUnavailable).start();
    expect(await cluster.changeFor('replace-unready')).toMatchObject({ atOnce });
  });
});
