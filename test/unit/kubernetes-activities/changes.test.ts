import type { V1Deployment } from '@kubernetes/client-node';
import { MockActivityEnvironment } from '@temporalio/testing';
import {
  createKubernetesActivities,
  type KubernetesActivities,
} from '../../../src/activities/kubernetes';
import type { PatchOperation } from '../../../src/activities/kubernetes/client';
import type { Change, ChangeRequest, PlannedChange } from '../../../src/model/change';
import { type Declined, isDeclined, type StepResult } from '../../../src/model/procedure';
import { unbroken } from '../../support/unbroken';
import { deployment, replicaSet } from '../kubernetes/objects';
import { type Answer, type Asked, FakeApi } from './fake-api';

const target = { cluster: 'trial', kind: 'Deployment', namespace: 'shop', name: 'web' };
const artifacts = {
  put: () => Promise.reject(new Error('unused')),
  read: () => Promise.reject(new Error('unused')),
};
const conflict: Answer = { code: 422, body: { message: 'the server rejected our request' } };

/** A Deployment in memory, whose patches a test may let go wrong. */
class Cluster {
  live: V1Deployment | undefined = deployment({ image: 'web:2' });
  readonly sets = [replicaSet('b', 'web:2', 2), replicaSet('a', 'web:1', 1)];
  onPatch: (apply: () => Answer) => Answer = (apply) => apply();
  api!: FakeApi;
  activities!: KubernetesActivities;

  static async start(): Promise<Cluster> {
    const cluster = new Cluster();
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

  private answer(asked: Asked): Answer {
    if (asked.path.endsWith('/replicasets')) return { body: { items: this.sets } };
    if (!this.live) return { code: 404, body: { message: 'not found' } };
    if (asked.method === 'GET') return { body: this.live };
    return this.onPatch(() => this.apply(asked.body as PatchOperation[]));
  }

  private apply(operations: PatchOperation[]): Answer {
    const { metadata, spec } = this.live!;
    const facts: Record<string, unknown> = {
      '/metadata/uid': metadata?.uid,
      '/metadata/generation': metadata?.generation,
    };
    if (operations.some(({ op, path, value }) => op === 'test' && facts[path] !== value))
      return conflict;
    spec!.template = operations.find(({ op }) => op === 'replace')!.value as never;
    metadata!.generation! += 1;
    return { body: this.live };
  }

  async plan(
    request: ChangeRequest = { kind: 'rollback', target, revision: 'web-a' },
  ): Promise<PlannedChange> {
    const planned: PlannedChange | Declined = await new MockActivityEnvironment().run(
      this.activities.planChange,
      request,
    );
    if (isDeclined(planned)) throw new Error(planned.declined);
    return planned;
  }

  make = (change: Change, attempt = 1): Promise<StepResult> =>
    new MockActivityEnvironment({ attempt }).run(this.activities.makeChange, change);

  revert = (change: Change): Promise<StepResult> =>
    new MockActivityEnvironment().run(this.activities.revertChange, change);

  image = () => this.live?.spec?.template.spec?.containers[0]?.image;

  /** Somebody rolls another image out. */
  release(image: string): void {
    const generation = this.live!.metadata!.generation! + 1;
    this.live = deployment({ image, generation });
  }
}

describe('a rollback', () => {
  let cluster: Cluster;

  beforeEach(async () => {
    cluster = await Cluster.start();
  });

  afterEach(() => cluster.api.stop());

  test('is planned without a change, the same each time', async () => {
    const [one, other] = [await cluster.plan(), await cluster.plan()];
    expect(one).toEqual(other);
    expect(one.summary).toBe('go back to revision web-a from web-b');
    expect(JSON.stringify(one)).not.toContain('web:1');
    expect(cluster.api.count('PATCH')).toBe(0);
  });

  test('patches once, conditionally, as homeostat', async () => {
    const { change } = await cluster.plan();
    expect(await cluster.make(change)).toMatchObject({ result: 'changed', attempts: 1 });
    expect(await cluster.make(change, 2)).toMatchObject({ result: 'already', attempts: 2 });
    expect(cluster.image()).toBe('web:1');
    const patches = cluster.api.asked.filter(({ method }) => method === 'PATCH');
    expect(patches).toHaveLength(1);
    expect(patches[0]!.contentType).toBe('application/json-patch+json');
    expect(patches[0]!.query.get('fieldManager')).toBe('homeostat');
  });

  test('that took effect although its answer was lost is not repeated', async () => {
    const { change } = await cluster.plan();
    cluster.onPatch = (apply) => {
      apply();
      return 'hang up';
    };
    await expect(cluster.make(change)).rejects.toMatchObject({ nonRetryable: false });
    expect(await cluster.make(change, 2)).toMatchObject({ result: 'already' });
    expect(cluster.api.count('PATCH')).toBe(1);
  });

  test('gives way to somebody who changes the template between look and patch', async () => {
    const { change } = await cluster.plan();
    cluster.onPatch = (apply) => {
      cluster.release('web:3');
      return apply();
    };
    const result = await cluster.make(change);
    expect(result).toMatchObject({
      result: 'superseded',
      detail: expect.stringContaining('kubectl'),
    });
    expect(cluster.image()).toBe('web:3');
  });

  test('looks again when something else of the spec changed meanwhile', async () => {
    const { change } = await cluster.plan();
    let first = true;
    cluster.onPatch = (apply) => {
      if (first) cluster.release('web:2');
      first = false;
      return apply();
    };
    expect(await cluster.make(change)).toMatchObject({ result: 'changed' });
    expect(cluster.image()).toBe('web:1');
  });

  test('to a template that is invalid now is refused for good', async () => {
    const { change } = await cluster.plan();
    cluster.onPatch = () => conflict;
    await expect(cluster.make(change)).rejects.toMatchObject({ nonRetryable: true });
    expect(cluster.api.count('PATCH')).toBe(1);
  });

  test('of a workload that is gone, or another of its name, touches nothing', async () => {
    const { change } = await cluster.plan();
    cluster.live = deployment({ metadata: { uid: 'another' } });
    expect(await cluster.make(change)).toMatchObject({ result: 'gone' });
    cluster.live = undefined;
    expect(await cluster.make(change)).toMatchObject({ result: 'gone' });
    expect(cluster.api.count('PATCH')).toBe(0);
  });

  test('is taken back once, and only if nobody went on from it', async () => {
    const { change } = await cluster.plan();
    expect(await cluster.revert(change)).toMatchObject({ result: 'already' });
    await cluster.make(change);
    expect(await cluster.revert(change)).toMatchObject({ result: 'changed' });
    expect(cluster.image()).toBe('web:2');
    cluster.release('web:3');
    expect(await cluster.revert(change)).toMatchObject({ result: 'superseded' });
  });

  test('of a paused Deployment, or to a revision that is gone, is refused for good', async () => {
    cluster.sets.pop();
    await expect(cluster.plan()).rejects.toMatchObject({
      nonRetryable: true,
      message: expect.stringContaining('revisionHistoryLimit'),
    });
    cluster.live!.spec!.paused = true;
    await expect(cluster.plan()).rejects.toMatchObject({
      nonRetryable: true,
      message: expect.stringContaining('resume it first'),
    });
  });
});

describe('a restart', () => {
  test('keeps earlier marks for its undo', async () => {
    const cluster = await Cluster.start();
    const earlier = {
      'kubectl.kubernetes.io/restartedAt': 'earlier',
      'homeostat.dev/restarted-by': 'old',
    };
    const annotations = () => cluster.live!.spec!.template.metadata!.annotations;
    cluster.live!.spec!.template.metadata!.annotations = { ...earlier };
    const { change } = await cluster.plan({ kind: 'restart', target, token: 'new' });
    expect(await cluster.make(change)).toMatchObject({ result: 'changed' });
    expect(await cluster.make(change)).toMatchObject({ result: 'already' });
    expect(annotations()).toMatchObject({ 'homeostat.dev/restarted-by': 'new' });
    expect(await cluster.revert(change)).toMatchObject({ result: 'changed' });
    expect(annotations()).toEqual(earlier);
    await cluster.api.stop();
  });
});
