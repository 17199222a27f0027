import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { BatchV1Api, PatchStrategy, setHeaderOptions, type V1Pod } from '@kubernetes/client-node';
import { Client, Connection, isGrpcServiceError, type WorkflowHandle } from '@temporalio/client';
import { holdPart, releasePart } from '../../src/client/platform';
import type { Observation } from '../../src/model/incident';
import { healWorkflowId } from '../../src/model/target';
import { describeLab, lab, labName } from '../support/lab';
import { Parts } from '../support/parts';
import { adminKubeConfig, Workloads } from '../support/workloads';

/** gRPC's status for a workflow that is not there. */
const notFound = 5;

/** A detector alone on the real platform: no worker runs, so its reports stay to be read. */
describeLab('the detector', () => {
  let workloads: Workloads;
  let parts: Parts;
  let connection: Connection;
  let client: Client;
  let detector: ReturnType<Parts['detector']>;
  let begunAt: number;

  beforeAll(async () => {
    workloads = await new Workloads().create();
    parts = new Parts(`det-${randomUUID().slice(0, 8)}`, {
      detector: { namespaces: [workloads.namespace] },
      healing: { soak: '2s' },
    });
    connection = await Connection.connect({ address: lab().temporal.address });
    client = new Client({ connection, namespace: lab().temporal.namespace });
    detector = parts.detector();
    await parts.ready('detector');
    begunAt = Date.now();
    await makeWhatIsNotBroken();
  });
  afterAll(async () => {
    for await (const { workflowId } of healings())
      await client.workflow.getHandle(workflowId).terminate();
    await connection?.close();
    await parts?.end();
    await workloads?.remove();
  });

  const healings = () =>
    client.workflow.list({
      query: `WorkflowType = 'heal' AND HomeostatCluster = '${parts.cluster}'`,
    });

  function healing(kind: string, name: string): WorkflowHandle {
    const target = { cluster: parts.cluster, kind, namespace: workloads.namespace, name };
    return client.workflow.getHandle(healWorkflowId(target, 'crash-loop'));
  }

  /** What a healing was told so far; nothing where there is none. */
  async function told(handle: WorkflowHandle): Promise<Observation[]> {
    try {
      const { events } = await handle.fetchHistory();
      return (events ?? []).flatMap(({ workflowExecutionSignaledEventAttributes: signal }) =>
        (signal?.input?.payloads ?? []).map(
          ({ data }) =>
            (JSON.parse(Buffer.from(data!).toString()) as { evidence: Observation }).evidence,
        ),
      );
    } catch (error) {
      if (isGrpcServiceError(error) && error.code === notFound) return [];
      throw error;
    }
  }

  const isTold = async (handle: WorkflowHandle, state = 'broken') =>
    (await told(handle)).some((observation) => observation.state === state);

  async function makeWhatIsNotBroken(): Promise<void> {
    const ignore = { 'homeostat.dev/ignore': 'true' };
    await pod('slow', 'sleep 45; touch /tmp/ready; exec sleep 3600', {
      startupProbe: {
        exec: { command: ['cat', '/tmp/ready'] },
        periodSeconds: 1,
        failureThreshold: 90,
      },
    });
    await pod('ignored', 'exit 1', {}, { annotations: ignore });
    await pod('ending', 'exit 1', {}, { annotations: ignore, finalizers: ['homeostat.dev/test'] });
    await workloads.deploy('Deployment', 'ignored', {
      behaviour: 'crash',
      wait: false,
      annotations: ignore,
    });
    await adminKubeConfig()
      .makeApiClient(BatchV1Api)
      .createNamespacedJob({
        namespace: workloads.namespace,
        body: {
          metadata: { name: 'completed' },
          spec: {
            template: { spec: { restartPolicy: 'Never', containers: [container('exit 0')] } },
          },
        },
      });
  }

  function pod(name: string, script: string, more: object = {}, metadata: V1Pod['metadata'] = {}) {
    return workloads.core.createNamespacedPod({
      namespace: workloads.namespace,
      body: {
        metadata: { ...metadata, name, labels: { app: name } },
        spec: { terminationGracePeriodSeconds: 1, containers: [{ ...container(script), ...more }] },
      },
    });
  }

  const container = (script: string) => ({
    name: 'main',
    image: 'localhost/busybox:1',
    imagePullPolicy: 'Never',
    command: ['sh', '-c', script],
  });

  const patch = (name: string, body: object) =>
    workloads.core.patchNamespacedPod(
      { name, namespace: workloads.namespace, body },
      setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
    );

  test('three crashing pods of a Deployment are one incident, told within moments', async () => {
    await workloads.deploy('Deployment', 'three', { behaviour: 'crash', wait: false, replicas: 3 });
    const handle = healing('Deployment', 'three');
    const objects = async () => new Set((await told(handle)).map(({ object }) => object));
    await workloads.until(async () => (await objects()).size === 3);
    const { startTime, runId, searchAttributes } = await handle.describe();
    expect(searchAttributes).toMatchObject({
      HomeostatFamily: ['healing'],
      HomeostatSymptom: ['crash-loop'],
    });
    const [first] = await told(handle);
    expect(startTime.getTime() - Date.parse(first!.seenAt)).toBeLessThan(1_000);
    const { runId: later } = await handle.describe();
    expect(later).toBe(runId);
  });

  test('a healing is told when its target is healthy again', async () => {
    await workloads.deploy('Deployment', 'mended', { behaviour: 'crash', wait: false });
    const handle = healing('Deployment', 'mended');
    await workloads.until(() => isTold(handle));
    expect(await isTold(handle, 'recovered')).toBe(false);
    await workloads.release('Deployment', 'mended', 'good');
    await workloads.until(() => isTold(handle, 'recovered'));
    expect(await workloads.isAvailable('Deployment', 'mended')).toBe(true);
  });

  test('revisions are marked when they work and when they fail', async () => {
    await workloads.deploy('Deployment', 'marked');
    const marks = async () => {
      const { items } = await workloads.apps.listNamespacedReplicaSet({
        namespace: workloads.namespace,
        labelSelector: 'app=marked',
      });
      const found = items.flatMap(({ metadata }) => Object.keys(metadata?.annotations ?? {}));
      return found
        .filter((key) => key.startsWith('homeostat.dev/'))
        .toSorted()
        .join();
    };
    await workloads.until(async () => (await marks()) === 'homeostat.dev/available');
    await workloads.release('Deployment', 'marked', 'crash');
    await workloads.until(
      async () => (await marks()) === 'homeostat.dev/available,homeostat.dev/faulty',
    );
  });

  test('while Temporal is away nothing is lost', async () => {
    await holdPart('temporal', labName, true);
    const heldAt = Date.now();
    await parts.notReady('detector', 'temporal');
    expect(Date.now() - heldAt).toBeLessThan(3_500);
    await workloads.deploy('Deployment', 'meanwhile', { behaviour: 'crash', wait: false });
    await workloads.until(() => workloads.isCrashLooping('meanwhile'));
    const releasedAt = Date.now();
    await releasePart('temporal', labName);
    await parts.ready('detector');
    const handle = healing('Deployment', 'meanwhile');
    await workloads.until(async () =>
      (await told(handle)).some(({ seenAt }) => Date.parse(seenAt) < releasedAt),
    );
  });

  test('a detector that was killed begins anew and starts nothing twice', async () => {
    const known = healing('Deployment', 'three');
    const { runId } = await known.describe();
    const before = (await told(known)).length;
    await workloads.deploy('Deployment', 'unwatched', { behaviour: 'crash', wait: false });
    detector.kill('SIGKILL');
    await workloads.until(() => isTold(healing('Deployment', 'unwatched')));
    await workloads.until(async () => (await told(known)).length > before);
    expect((await known.describe()).runId).toBe(runId);
  });

  test('what is not broken is left alone', async () => {
    await workloads.until(() => workloads.isCrashLooping('ending'));
    await workloads.core.deleteNamespacedPod({ name: 'ending', namespace: workloads.namespace });
    await patch('ending', { metadata: { annotations: { 'homeostat.dev/ignore': null } } });
    await sleep(Math.max(0, begunAt + 50_000 - Date.now()));
    await patch('ending', { metadata: { finalizers: null } });
    const [slow] = await workloads.pods('slow');
    expect(slow?.status?.containerStatuses?.[0]).toMatchObject({ ready: true, restartCount: 0 });
    const targets = new Set<string>();
    for await (const { workflowId } of healings()) targets.add(String(workflowId.split(':')[4]));
    expect([...targets].toSorted()).toEqual([
      'marked',
      'meanwhile',
      'mended',
      'three',
      'unwatched',
    ]);
  });

  // Last, since the cluster's own controllers take up to a minute to come back from it.
  test('after a restart of the API server everything is looked at once', async () => {
    await pod('late', 'sleep 5; exit 1');
    await holdPart('kube-apiserver', labName, true);
    const heldAt = Date.now();
    await parts.notReady('detector', 'kubernetes');
    expect(Date.now() - heldAt).toBeLessThan(3_500);
    await sleep(10_000);
    await releasePart('kube-apiserver', labName);
    await parts.ready('detector');
    await workloads.until(() => isTold(healing('Pod', 'late')));
  });
});
