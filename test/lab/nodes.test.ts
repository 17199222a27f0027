import { randomUUID } from 'node:crypto';
import { Client, Connection, type WorkflowHandle, WorkflowNotFoundError } from '@temporalio/client';
import { holdPart, releasePart } from '../../src/client/platform';
import type { ProcedureRecord } from '../../src/model/procedure';
import { healWorkflowId } from '../../src/model/target';
import { describeLab, lab, labName } from '../support/lab';
import { Nodes } from '../support/nodes';
import { Parts } from '../support/parts';
import { Workloads } from '../support/workloads';

type Handle = WorkflowHandle<() => Promise<ProcedureRecord>>;

/** Nodes are shared by all tests of a platform, so these run one after the other. */
describeLab('healing of nodes', () => {
  const nodes = new Nodes();
  let workloads: Workloads;
  let parts: Parts;
  let connection: Connection;
  let client: Client;

  beforeAll(async () => {
    workloads = await new Workloads().create();
    parts = new Parts(`nodes-${randomUUID().slice(0, 8)}`, {
      detector: { namespaces: [workloads.namespace], nodeDeadline: '1s' },
      healing: { soak: '2s', nodeSoak: '2s', verifyTimeout: '120s' },
      governor: { coolDown: '1s', attemptsPerHour: 50 },
    });
    connection = await Connection.connect({ address: lab().temporal.address });
    client = new Client({ connection, namespace: lab().temporal.namespace });
    parts.worker();
    parts.detector();
    await parts.ready('detector');
  });
  afterAll(async () => {
    await client?.workflow
      .getHandle(`governor:${parts.cluster}`)
      .terminate()
      .catch(() => undefined);
    await connection?.close();
    await parts?.end();
    await workloads?.remove();
  });

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

  async function reaches(
    handle: Handle,
    reached: (record: ProcedureRecord) => boolean,
  ): Promise<void> {
    await workloads.until(async () => reached(await handle.query<ProcedureRecord>('ledger')));
  }

  const atStep = (name: string) => (record: ProcedureRecord) => record.ledger.at(-1)?.name === name;

  test('a kubelet that died: cordoned, drained, and uncordoned when it is back', async () => {
    await workloads.deploy('Deployment', 'web', { replicas: 3 });
    const before = nodes.changes('node-3');
    await holdPart('node-3', labName, true);
    try {
      const handle = await running('node-3', 'node-not-ready');
      await reaches(handle, atStep('verify'));
      expect((await nodes.read('node-3')).spec?.unschedulable).toBe(true);
      const serving = (await workloads.pods('web')).filter(
        ({ metadata }) => !metadata?.deletionTimestamp,
      );
      expect(serving.map(({ spec }) => spec?.nodeName)).not.toContain('node-3');
      await releasePart('node-3', labName);
      const record = await handle.result();
      expect(record).toMatchObject({ outcome: 'healed' });
      expect(record.ledger.flatMap(({ changed, name }) => (changed ? [name] : []))).toEqual([
        'cordon',
        'drain',
      ]);
    } finally {
      await releasePart('node-3', labName);
    }
    await nodes.isFree('node-3');
    expect(nodes.changes('node-3') - before).toBe(2);
  }, 240_000);
});
