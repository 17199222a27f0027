import type { V1Node } from '@kubernetes/client-node';
import { MockActivityEnvironment } from '@temporalio/testing';
import {
  createKubernetesActivities,
  type KubernetesActivities,
} from '../../../src/activities/kubernetes';
import type { PatchOperation } from '../../../src/activities/kubernetes/client';
import type { Change, PlannedChange } from '../../../src/model/change';
import { type Declined, isDeclined, type StepResult } from '../../../src/model/procedure';
import { unbroken } from '../../support/unbroken';
import { type Answer, type Asked, FakeApi } from './fake-api';

const heldBy = 'homeostat.dev/held-by';
const target = { cluster: 'trial', kind: 'Node', name: 'n1' };
const workflowExecution = { workflowId: 'heal:trial:_:Node:n1:node-not-ready', runId: 'r1' };
const artifacts = {
  put: () => Promise.reject(new Error('unused')),
  read: () => Promise.reject(new Error('unused')),
};

/** A node in memory that takes the few patches that a change of fields makes. */
class Cluster {
  node: V1Node | undefined = {
    metadata: { name: 'n1', uid: 'u1', resourceVersion: '1' },
    spec: {},
  };
  /** Called before a patch is applied, as if somebody were quicker. */
  beforePatch: () => void = () => undefined;
  api!: FakeApi;
  private activities!: KubernetesActivities;

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

  plan(): Promise<PlannedChange | Declined> {
    return this.run(this.activities.planChange, { kind: 'cordon' as const, target });
  }

  async planned(): Promise<PlannedChange> {
    const plan = await this.plan();
    if (isDeclined(plan)) throw new Error(plan.declined);
    return plan;
  }

  make = (change: Change): Promise<StepResult> => this.run(this.activities.makeChange, change);

  revert = (change: Change): Promise<StepResult> => this.run(this.activities.revertChange, change);

  /** Somebody writes to the node. */
  write(change: (node: V1Node) => void): void {
    change(this.node!);
    const { metadata } = this.node!;
    metadata!.resourceVersion = String(Number(metadata!.resourceVersion) + 1);
  }

  mark = () => this.node?.metadata?.annotations?.[heldBy];

  private run<I, O>(activity: (input: I) => Promise<O>, input: I): Promise<O> {
    return new MockActivityEnvironment({ workflowExecution }).run(activity, input);
  }

  private answer({ method, body }: Asked): Answer {
    if (!this.node) return { code: 404, body: {} };
    if (method === 'GET') return { body: this.node };
    this.beforePatch();
    return this.apply(body as PatchOperation[]);
  }

  private apply(operations: PatchOperation[]): Answer {
    const copy = structuredClone(this.node!);
    for (const { op, path, value } of operations) {
      const tokens = path
        .split('/')
        .slice(1)
        .map((one) => one.replaceAll('~1', '/'));
      const key = tokens.pop()!;
      const parent = tokens.reduce<Record<string, never>>((at, token) => at[token]!, copy as never);
      if (op === 'test' && parent[key] !== value) return { code: 422, body: {} };
      if (op === 'remove') delete parent[key];
      if (op === 'add') parent[key] = value as never;
    }
    this.node = copy;
    this.write(() => undefined);
    return { body: this.node };
  }
}

describe('a cordon', () => {
  let cluster: Cluster;
  beforeEach(async () => {
    cluster = await Cluster.start();
  });
  afterEach(() => cluster.api.stop());

  test('is made once, with the mark of the procedure, and taken back whole', async () => {
    const { change, temporary } = await cluster.planned();
    expect(temporary).toBe(true);
    expect(await cluster.make(change)).toMatchObject({ result: 'changed' });
    expect(cluster.node?.spec?.unschedulable).toBe(true);
    expect(cluster.mark()).toBe(workflowExecution.workflowId);
    expect(await cluster.make(change)).toMatchObject({ result: 'already' });
    expect(cluster.api.count('PATCH')).toBe(1);
    expect(await cluster.revert(change)).toMatchObject({ result: 'changed' });
    expect(cluster.node?.spec).toEqual({});
    expect(cluster.mark()).toBeUndefined();
    expect(await cluster.revert(change)).toMatchObject({ result: 'already' });
  });

  test('of a node that somebody cordoned, or that is marked to be ignored, is declined', async () => {
    cluster.write((node) => {
      node.spec = { unschedulable: true };
    });
    expect(await cluster.plan()).toEqual({ declined: expect.stringContaining('already') });
    cluster.write((node) => {
      node.spec = {};
      node.metadata!.annotations = { 'homeostat.dev/ignore': 'true' };
    });
    expect(await cluster.plan()).toEqual({ declined: expect.stringContaining('ignore') });
  });

  test('gives way to somebody who cordons meanwhile', async () => {
    const { change } = await cluster.planned();
    cluster.beforePatch = () =>
      cluster.write((node) => {
        node.spec = { unschedulable: true };
      });
    expect(await cluster.make(change)).toMatchObject({
      result: 'superseded',
      detail: expect.stringContaining('/spec/unschedulable'),
    });
    expect(cluster.mark()).toBeUndefined();
  });

  test('looks again when something else of the node changed meanwhile', async () => {
    const { change } = await cluster.planned();
    let first = true;
    cluster.beforePatch = () => {
      if (first) cluster.write(() => undefined);
      first = false;
    };
    expect(await cluster.make(change)).toMatchObject({ result: 'changed' });
    expect(cluster.api.count('PATCH')).toBe(2);
  });

  test('that a person ended is not touched again, but for our mark', async () => {
    const { change } = await cluster.planned();
    await cluster.make(change);
    cluster.write((node) => {
      node.spec = {};
    });
    expect(await cluster.revert(change)).toMatchObject({ result: 'superseded' });
    expect(cluster.mark()).toBeUndefined();
  });

  test('of a node that is gone, or another of its name, touches nothing', async () => {
    const { change } = await cluster.planned();
    cluster.node!.metadata!.uid = 'another';
    expect(await cluster.make(change)).toMatchObject({ result: 'gone' });
    cluster.node = undefined;
    expect(await cluster.revert(change)).toMatchObject({ result: 'gone' });
    expect(cluster.api.count('PATCH')).toBe(0);
  });
});
