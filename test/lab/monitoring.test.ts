import { Client, Connection } from '@temporalio/client';
import { ensureUp, holdPart, type Platform, takeDown } from '../../src/client/platform';
import type { ProcedureRecord } from '../../src/model/procedure';
import { healWorkflowId } from '../../src/model/target';
import { describeLab, labName } from '../support/lab';
import { Workloads } from '../support/workloads';

const name = `${labName}-alerts`;

/** The real chain: kube-state-metrics, Prometheus, Alertmanager, gateway. */
describeLab('alerts', () => {
  let platform: Platform;
  let workloads: Workloads;
  let connection: Connection;
  let client: Client;

  // kube-state-metrics and metrics-server are built once a machine, which takes minutes.
  beforeAll(async () => {
    platform = await ensureUp({ name, monitoring: true, timeoutMs: 600_000 });
    workloads = await new Workloads(platform).create();
    connection = await Connection.connect({ address: platform.temporal.address });
    client = new Client({ connection, namespace: platform.temporal.namespace });
  }, 2_400_000);
  afterAll(async () => {
    await connection?.close();
    await takeDown(name);
  });

  test('from a crashing pod to the healed incident, by the alert alone', async () => {
    await workloads.deploy('Deployment', 'web');
    // The detector has marked the good revision by now; from here on only the alert can tell.
    await holdPart('detector', name);
    await workloads.release('Deployment', 'web', 'crash');
    await workloads.until(async () => (await workloads.behaviour('Deployment', 'web')) === 'good');
    const target = {
      cluster: platform.cluster.name,
      kind: 'Deployment',
      namespace: workloads.namespace,
      name: 'web',
    };
    const query = `WorkflowId = '${healWorkflowId(target, 'crash-loop')}'`;
    const outcomes = async () => {
      const found: string[] = [];
      for await (const { workflowId, runId, status } of client.workflow.list({ query })) {
        if (status.name !== 'COMPLETED') return [];
        const record = await client.workflow.getHandle(workflowId, runId).result();
        found.push((record as ProcedureRecord).outcome ?? 'none');
      }
      return found;
    };
    // Each pod's alert is an episode of its own; one that is told after the healing finds nothing to do.
    await workloads.until(async () => (await outcomes()).includes('healed'));
    expect((await outcomes()).filter((outcome) => outcome !== 'already-healthy')).toEqual([
      'healed',
    ]);
    expect(await workloads.isAvailable('Deployment', 'web')).toBe(true);
    expect(workloads.changesByHomeostat('deployments', 'web')).toBe(1);
  });

  test('an alert that no runbook answers is counted', async () => {
    const count = async () => {
      const text = await (await fetch(`${platform.gateway.url}/metrics`)).text();
      return Number(/homeostat_alerts_received_total\{result="unmatched"\} (\d+)/.exec(text)?.[1]);
    };
    const before = await count();
    const labels = { alertname: 'NobodyKnowsThis', namespace: workloads.namespace };
    const told = await fetch(`${platform.monitoring?.alertmanager}/api/v2/alerts`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify([{ labels }]),
    });
    expect(told.status).toBe(200);
    await workloads.until(async () => (await count()) > before);
  });
});
