import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { Healings, rungsOf } from '../support/healings';
import { describeLab, lab } from '../support/lab';
import { Parts } from '../support/parts';
import { Workloads } from '../support/workloads';

/** A host that no cluster resolves (RFC 6761). */
const host = 'registry.invalid:5000';

const namespacesNeeded = 10;

/** The runbooks of workloads, each with its fault produced for real. */
describeLab('runbooks of workloads', () => {
  let connection: Connection;
  let client: Client;
  let parts: Parts;
  let healings: Healings;
  /** Namespaces that no test has taken yet. */
  let free: Workloads[] = [];
  const made: Workloads[] = [];

  beforeAll(async () => {
    connection = await Connection.connect({ address: lab().temporal.address });
    client = new Client({ connection, namespace: lab().temporal.namespace });
    for (let count = 0; count < namespacesNeeded; count++)
      made.push(await new Workloads().create());
    free = [...made];
    parts = new Parts(`work-${randomUUID().slice(0, 8)}`, {
      detector: {
        namespaces: made.map(({ namespace }) => namespace),
        // Long enough for a busy machine, on which even a good pod takes its time.
        waitingDeadline: '20s',
        schedulingDeadline: '2s',
        autoscalerDeadline: '2s',
      },
      healing: { soak: '2s', verifyTimeout: '120s', rolloutWindow: '5s' },
      governor: { coolDown: '1s' },
    });
    healings = new Healings(client, parts.cluster);
    parts.worker();
    parts.detector();
  });
  afterAll(async () => {
    const governor = client?.workflow.getHandle(`governor:${parts?.cluster}`);
    await governor?.terminate().catch(() => undefined);
    await parts?.end();
    await Promise.all(made.map((workloads) => workloads.remove()));
    await connection?.close();
  });

  const take = () => free.pop()!;

  const web = (workloads: Workloads, kind = 'Deployment') => ({
    kind,
    namespace: workloads.namespace,
    name: 'web',
  });

  test.concurrent.each([
    ['image-pull', 'an image that no node has', { image: 'localhost/absent:1' }],
    [
      'image-pull',
      'a registry that does not answer',
      { image: 'absent.invalid/web:2', imagePullPolicy: 'IfNotPresent' },
    ],
    [
      'config-error',
      'a key that its ConfigMap does not have',
      {
        env: [{ name: 'COLOUR', valueFrom: { configMapKeyRef: { name: 'web', key: 'colour' } } }],
      },
    ],
  ])('%s: %s is undone', async (symptom, _what, container) => {
    const workloads = take();
    await workloads.deploy('Deployment', 'web');
    await workloads.change('Deployment', 'web', container);
    const handle = await healings.started(workloads, web(workloads), symptom);
    const record = await handle.result();
    expect(record.outcome).toBe('healed');
    expect(rungsOf(record)).toEqual(['undo-rollout']);
    expect(await workloads.isAvailable('Deployment', 'web')).toBe(true);
    expect(workloads.changesByHomeostat('deployments', 'web')).toBe(1);
    // The rollout missed its deadline of 5 s too, for the same cause.
    expect(await healings.exists(web(workloads), 'rollout-stuck')).toBe(false);
  });

  test.concurrent('a registry that is away: one incident, and nothing is changed', async () => {
    const all = [take(), take(), take(), take()];
    const image = { image: `${host}/web:2`, imagePullPolicy: 'IfNotPresent' };
    await Promise.all(all.map((workloads) => workloads.deploy('Deployment', 'web')));
    await Promise.all(all.map((workloads) => workloads.change('Deployment', 'web', image)));
    const registry = { kind: 'Registry', name: host };
    const handle = await healings.started(all[0]!, registry, 'registry-unreachable');
    const record = await handle.result();
    expect(record.outcome).toBe('escalated');
    expect(record.reason).toContain('pods wait for images of registry.invalid:5000');
    for (const workloads of all) {
      if (await healings.exists(web(workloads), 'image-pull')) {
        const child = await healings.handle(web(workloads), 'image-pull').result();
        expect(child).toMatchObject({ outcome: 'aborted' });
      }
      expect(workloads.changesByHomeostat('deployments', 'web')).toBe(0);
    }
  });

  test.concurrent('a node that a procedure of ours left cordoned takes pods again', async () => {
    const workloads = take();
    const node = (await workloads.core.listNode()).items.at(-1)!.metadata!.name!;
    const heldBy = `heal:${parts.cluster}:_:Node:${node}:node-not-ready`;
    await workloads.cordon(node, heldBy);
    try {
      await workloads.deploy('Deployment', 'web', { replicas: 1, node, wait: false });
      const handle = await healings.started(workloads, web(workloads), 'pod-pending');
      const record = await handle.result();
      expect(record.outcome).toBe('healed');
      expect(rungsOf(record)).toEqual(['uncordon']);
      const { metadata, spec } = await workloads.core.readNode({ name: node });
      expect(spec!.unschedulable).toBeUndefined();
      expect(metadata!.annotations).not.toHaveProperty('homeostat.dev/held-by');
    } finally {
      await workloads.cordon(node, undefined);
    }
  });

  test.concurrent('a pod that no node can take is for a person, in the words of the scheduler', async () => {
    const workloads = take();
    await workloads.deploy('Deployment', 'web', {
      replicas: 1,
      wait: false,
      container: { resources: { requests: { cpu: '900' } } },
    });
    const handle = await healings.started(workloads, web(workloads), 'pod-pending');
    const record = await handle.result();
    expect(record.outcome).toBe('escalated');
    expect(record.reason).toContain('Insufficient cpu');
  });

  test.concurrent('an autoscaler at its maximum gets a fifth more', async () => {
    const workloads = take();
    await workloads.deploy('Deployment', 'web', { replicas: 1 });
    await workloads.maxedAutoscaler('web', 5);
    const target = { ...web(workloads), kind: 'HorizontalPodAutoscaler' };
    const handle = await healings.started(workloads, target, 'hpa-maxed');
    await workloads.until(async () => (await workloads.maxReplicas('web')) === 6);
    await workloads.satisfyAutoscaler('web');
    expect((await handle.result()).outcome).toBe('healed');
    expect(workloads.changesByHomeostat('horizontalpodautoscalers', 'web')).toBe(1);
  });
});
