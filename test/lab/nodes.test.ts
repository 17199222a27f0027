import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection, type WorkflowHandle, WorkflowNotFoundError } from '@temporalio/client';
import { holdPart, releasePart } from '../../src/client/platform';
import type { HealInput } from '../../src/model/incident';
import type { ProcedureRecord } from '../../src/model/procedure';
import { healWorkflowId } from '../../src/model/target';
import { describeUnsteady, lab, labName } from '../support/lab';
import { Nodes } from '../support/nodes';
import { Parts } from '../support/parts';
import { Workloads } from '../support/workloads';

type Handle = WorkflowHandle<() => Promise<ProcedureRecord>>;

const hookScript = path.resolve(__dirname, '../support/node-hook.js');

/** Nodes are shared by all tests of a platform, so these run one after the other. */
describeUnsteady('healing of nodes', 'never seen green as a whole', () => {
  let nodes: Nodes;
  let workloads: Workloads;
  let parts: Parts;
  let connection: Connection;
  let client: Client;

  beforeAll(async () => {
    nodes = new Nodes();
    workloads = await new Workloads().create();
    connection = await Connection.connect({ address: lab().temporal.address });
    client = new Client({ connection, namespace: lab().temporal.namespace });
    parts = partsOf('nodes', 'KernelDeadlock');
    runWorker(parts);
    parts.detector();
  });
  afterAll(async () => {
    if (parts) await end(parts);
    await connection?.close();
    await workloads?.remove();
  });

  function partsOf(name: string, problem: string): Parts {
    return new Parts(`${name}-${randomUUID().slice(0, 8)}`, {
      detector: {
        namespaces: [workloads.namespace],
        nodeDeadline: '5s',
        nodeConditions: [problem],
        pressureDeadline: '1s',
        // Other tests lose nodes too; only losses in quick succession are this file's own.
        flapWindow: '30s',
        terminatingDeadline: '3s',
      },
      healing: {
        soak: '2s',
        nodeSoak: '3s',
        verifyTimeout: '120s',
        hooks: { reboot: hook({ approval: false }), fence: hook({ approval: true }) },
      },
      governor: { coolDown: '1s', attemptsPerHour: 50 },
    });
  }

  const hook = ({ approval }: { approval: boolean }) => ({
    type: 'command' as const,
    approval,
    command: [process.execPath, hookScript],
    environment: ['PATH', 'HOME', 'TEST_FOLDER', 'TEST_PLATFORM'],
  });

  function runWorker(of: Parts, env: Record<string, string> = {}): void {
    of.worker({ TEST_FOLDER: of.folder, TEST_PLATFORM: labName, ...env });
  }

  /** The keys that the hook was given, one a run. */
  function hookRuns(of: Parts): string[] {
    const log = path.join(of.folder, 'hook.log');
    return existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : [];
  }

  async function end(of: Parts): Promise<void> {
    await client.workflow
      .getHandle(`governor:${of.cluster}`)
      .terminate()
      .catch(() => undefined);
    await of.end();
  }

  /** The healing that runs for a node now; an earlier one of the same name has ended. */
  async function running(node: string, symptom: string): Promise<Handle> {
    const target = { cluster: parts.cluster, kind: 'Node', name: node };
    let handle: Handle = client.workflow.getHandle(healWorkflowId(target, symptom));
    await workloads.until(async () => {
      try {
        const { status, runId } = await handle.describe();
        handle = client.workflow.getHandle(handle.workflowId, runId);
        return status.name === 'RUNNING';
      } catch (error) {
        if (error instanceof WorkflowNotFoundError) return false;
        throw error;
      }
    });
    return handle;
  }

  const recordOf = (handle: Handle) => handle.query<ProcedureRecord>('ledger');

  const reaches = (handle: Handle, step: string) =>
    workloads.until(async () => (await recordOf(handle)).ledger.at(-1)?.name === step);

  const madeBy = ({ ledger }: ProcedureRecord) =>
    ledger.flatMap(({ changed, name }) => (changed ? [name] : []));

  /** Pods that are not on their way out, by node. */
  async function placesOf(app: string): Promise<(string | undefined)[]> {
    const pods = await workloads.pods(app);
    return pods.flatMap(({ metadata, spec }) =>
      metadata?.deletionTimestamp ? [] : [spec?.nodeName],
    );
  }

  async function budget(app: string, minAvailable: number): Promise<void> {
    await nodes.policy.createNamespacedPodDisruptionBudget({
      namespace: workloads.namespace,
      body: { metadata: { name: app }, spec: { minAvailable, selector: { matchLabels: { app } } } },
    });
    await workloads.until(async () => {
      const { status } = await nodes.policy.readNamespacedPodDisruptionBudget({
        name: app,
        namespace: workloads.namespace,
      });
      return status?.currentHealthy === minAvailable;
    });
  }

  const dropBudget = (app: string) =>
    nodes.policy.deleteNamespacedPodDisruptionBudget({ name: app, namespace: workloads.namespace });

  /** What a running activity tells by its heartbeats. */
  async function heartbeatOf(handle: Handle): Promise<string> {
    const { raw } = await handle.describe();
    const details = raw.pendingActivities?.flatMap((one) => one.heartbeatDetails?.payloads ?? []);
    return (details ?? []).map(({ data }) => Buffer.from(data ?? []).toString()).join();
  }

  test('a kubelet that died: cordoned, drained, rebooted by the hook, uncordoned', async () => {
    await workloads.deploy('Deployment', 'web', { replicas: 3 });
    const before = nodes.changes('node-3');
    await holdPart('node-3', labName, true);
    try {
      const handle = await running('node-3', 'node-not-ready');
      const record = await handle.result();
      expect(record).toMatchObject({ outcome: 'healed' });
      expect(madeBy(record)).toEqual(['cordon', 'drain', 'reboot']);
      const evidence = record.ledger.find(({ name }) => name === 'reboot')?.evidence ?? [];
      const output = evidence.find(({ uri }) => uri.includes('hook-reboot'));
      const text = readFileSync(path.join(parts.folder, 'artifacts', output!.uri), 'utf8');
      expect(text).toContain('password');
      expect(text).not.toContain('s3cret');
    } finally {
      await releasePart('node-3', labName);
    }
    expect(hookRuns(parts)).toHaveLength(1);
    await nodes.isFree('node-3');
    expect(nodes.changes('node-3') - before).toBe(2);
  }, 300_000);

  test('a budget that blocks the drain is named, waited for and respected', async () => {
    await workloads.until(() => workloads.isAvailable('Deployment', 'web'));
    const node = (await placesOf('web'))[0]!;
    await budget('web', 3);
    await nodes.setCondition(node, 'KernelDeadlock', 'True');
    const handle = await running(node, 'node-problem');
    await reaches(handle, 'drain');
    await workloads.until(async () =>
      (await heartbeatOf(handle)).includes('disruption budget web'),
    );
    expect(await placesOf('web')).toHaveLength(3);
    await dropBudget('web');
    const record = await handle.result();
    expect(record).toMatchObject({ outcome: 'healed' });
    expect(madeBy(record)).toEqual(['cordon', 'drain', 'reboot']);
    expect(await placesOf('web')).not.toContain(node);
    await nodes.isFree(node);
  }, 300_000);

  test('a person who uncordons the node vetoes its healing, for this fault', async () => {
    await workloads.until(() => workloads.isAvailable('Deployment', 'web'));
    const node = (await placesOf('web'))[0]!;
    await budget('web', 3);
    await nodes.setCondition(node, 'KernelDeadlock', 'True');
    const handle = await running(node, 'node-problem');
    await reaches(handle, 'drain');
    const before = hookRuns(parts).length;
    await nodes.uncordon(node);
    expect(await handle.result()).toMatchObject({
      outcome: 'aborted',
      reason: expect.stringContaining('uncordoned'),
    });
    await nodes.isFree(node);
    await sleep(5_000);
    expect(await nodes.isCordoned(node)).toBe(false);
    expect((await handle.describe()).status.name).toBe('COMPLETED');
    expect(hookRuns(parts)).toHaveLength(before);
    expect(await placesOf('web')).toHaveLength(3);
    await nodes.setCondition(node, 'KernelDeadlock', 'False');
    await dropBudget('web');
  }, 300_000);

  test('a node lost again and again is cordoned until it has come to rest', async () => {
    const played = await nodes.play('flapping');
    try {
      for (let loss = 0; loss < 3; loss += 1) {
        await nodes.setCondition('flapping', 'Ready', 'False');
        await nodes.setCondition('flapping', 'Ready', 'True');
        // Far enough apart to be told from one another.
        await sleep(3_000);
      }
      const handle = await running('flapping', 'node-flapping');
      const record = await handle.result();
      expect(record).toMatchObject({ outcome: 'healed' });
      expect(madeBy(record)).toEqual(['cordon']);
      await nodes.isFree('flapping');
    } finally {
      await played.remove();
    }
  }, 300_000);

  test('pods leave a node under pressure, a few at a time', async () => {
    const played = await nodes.play('pressed');
    try {
      const pods = ['one', 'two', 'three', 'four', 'five'];
      await workloads.placed('hungry', pods, 'pressed');
      await nodes.setCondition('pressed', 'MemoryPressure', 'True');
      const handle = await running('pressed', 'node-pressure');
      await workloads.until(async () => (await workloads.pods('hungry')).length <= 2);
      await nodes.setCondition('pressed', 'MemoryPressure', 'False');
      const record = await handle.result();
      expect(record).toMatchObject({ outcome: 'healed' });
      expect(madeBy(record)).toEqual(['evict-pods']);
      expect(await workloads.pods('hungry')).toHaveLength(2);
    } finally {
      await played.remove();
    }
  }, 300_000);

  test('a dead node is taken out of service only with an approval and a proof', async () => {
    await workloads.until(() => workloads.isAvailable('Deployment', 'web'));
    const played = await nodes.play('lost');
    await workloads.placed('stuck', ['stuck'], 'lost');
    await played.die();
    try {
      const handle = await running('lost', 'node-unreachable');
      await workloads.until(async () => (await recordOf(handle)).phase === 'waiting-approval');
      expect((await nodes.read('lost')).spec?.taints?.map(({ key }) => key)).not.toContain(
        'node.kubernetes.io/out-of-service',
      );
      await handle.signal('approve', { by: 'tester' });
      const record = await handle.result();
      expect(record).toMatchObject({ outcome: 'healed' });
      expect(madeBy(record)).toContain('out-of-service');
      expect(await workloads.pods('stuck')).toHaveLength(0);
      await nodes.isFree('lost');
    } finally {
      await played.remove();
    }
  }, 300_000);

  test.each(
    (['cordon', 'drain', 'run-hook'] as const).flatMap((kind) =>
      (['during', 'after'] as const).map((moment) => [moment, kind] as const),
    ),
  )(
    'SIGKILL of the worker %s %s: the same end, one effect',
    async (moment, kind) => {
      await workloads.until(() => workloads.isAvailable('Deployment', 'web'));
      const own = partsOf('kill', 'TrialProblem');
      const marker = path.join(own.folder, 'crashed');
      const node = (await placesOf('web'))[0]!;
      const before = nodes.changes(node);
      try {
        runWorker(own, {
          CRASH_AT: JSON.stringify({ activity: 'makeChange', kind, moment, marker }),
        });
        // Not for the detector: its own Homeostat would heal the node first.
        await nodes.setCondition(node, 'TrialProblem', 'True');
        const record = await healByHand(own, node);
        expect(record).toMatchObject({ outcome: 'healed' });
        expect(madeBy(record)).toEqual(['cordon', 'drain', 'reboot']);
        expect(existsSync(marker)).toBe(true);
        expect(await placesOf('web')).not.toContain(node);
        await nodes.isFree(node);
        expect(nodes.changes(node) - before).toBe(2);
        const runs = hookRuns(own);
        // At least once: only a worker that dies with its hook has it run again, with the same key.
        expect(new Set(runs).size).toBe(1);
        if (kind !== 'run-hook') expect(runs).toHaveLength(1);
        else if (moment === 'after') expect(runs).toHaveLength(2);
      } finally {
        await end(own);
      }
    },
    300_000,
  );

  async function healByHand(own: Parts, node: string): Promise<ProcedureRecord> {
    const target = { cluster: own.cluster, kind: 'Node', name: node };
    const seenAt = new Date().toISOString();
    const observations = [
      { object: `Node/${node}`, state: 'broken' as const, message: '', seenAt },
    ];
    const input: HealInput = {
      incident: { target, symptom: 'node-problem', observations },
      settings: { nodeSoakMs: 1_000, verifyTimeoutMs: 60_000 },
    };
    const handle = await client.workflow.start('heal', {
      workflowId: healWorkflowId(target, 'node-problem'),
      taskQueue: own.taskQueue,
      args: [input],
    });
    return (await handle.result()) as ProcedureRecord;
  }
});
