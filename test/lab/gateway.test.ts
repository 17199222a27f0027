import { randomUUID } from 'node:crypto';
import { Client, Connection, WorkflowNotFoundError } from '@temporalio/client';
import { holdPart, releasePart } from '../../src/client/platform';
import type { ProcedureRecord } from '../../src/model/procedure';
import { healWorkflowId } from '../../src/model/target';
import { notification, writtenAlert } from '../support/gateway';
import { describeLab, lab, labName } from '../support/lab';
import { Parts } from '../support/parts';
import { Workloads } from '../support/workloads';

const token = randomUUID();

/** The gateway with a worker and without a detector: what is healed was told by alerts alone. */
describeLab('the gateway', () => {
  let workloads: Workloads;
  let parts: Parts;
  let connection: Connection;
  let client: Client;

  beforeAll(async () => {
    workloads = await new Workloads().create();
    parts = new Parts(`gw-${randomUUID().slice(0, 8)}`, { healing: { soak: '2s' } });
    connection = await Connection.connect({ address: lab().temporal.address });
    client = new Client({ connection, namespace: lab().temporal.namespace });
    parts.gateway(token);
    parts.worker();
    await Promise.all([parts.ready('gateway'), parts.ready('worker')]);
  });
  afterAll(async () => {
    await connection?.close();
    await parts?.end();
    await workloads?.remove();
  });

  async function post(
    payload: unknown,
  ): Promise<{ status: number; body: Record<string, unknown> }> {
    const response = await fetch(`${parts.url('gateway')}/hooks/alertmanager`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(payload),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  const crashLooping = (pod: string, startsAt: string, more: object = {}) =>
    notification([
      writtenAlert(
        { startsAt, fingerprint: pod, ...more },
        { namespace: workloads.namespace, pod, cluster: parts.cluster },
      ),
    ]);

  const healing = (name: string) => {
    const { namespace } = workloads;
    const target = { cluster: parts.cluster, kind: 'Deployment', namespace, name };
    return client.workflow.getHandle(healWorkflowId(target, 'crash-loop'));
  };

  /** A release that crashes on a workload whose last one was good; answers a crashing pod. */
  async function breakIt(name: string): Promise<string> {
    await workloads.deploy('Deployment', name);
    await workloads.release('Deployment', name, 'crash');
    await workloads.until(() => workloads.isCrashLooping(name));
    const crashing = (await workloads.pods(name)).find(({ status }) =>
      status?.containerStatuses?.some(({ state }) => state?.waiting?.reason === 'CrashLoopBackOff'),
    );
    return crashing!.metadata!.name!;
  }

  test('one alert told twice by two senders, out of order, is one healing', async () => {
    const pod = await breakIt('web');
    const startsAt = new Date().toISOString();
    const firing = crashLooping(pod, startsAt);
    const resolved = crashLooping(pod, startsAt, {
      status: 'resolved',
      endsAt: new Date().toISOString(),
    });
    const answers = await Promise.all([post(firing), post(firing)]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    const { runId } = await healing('web').describe();
    const record = (await healing('web').result()) as ProcedureRecord;
    expect(record.observations?.[0]).toMatchObject({
      object: `Pod/${workloads.namespace}/${pod}`,
      alerts: [{ fingerprint: pod, startsAt }],
    });
    // The late half of the pair: over first, then firing.
    expect((await post(resolved)).body).toMatchObject({ resolved: 1 });
    expect((await post(firing)).body).toMatchObject({ known: 1, accepted: 0 });
    expect((await healing('web').describe()).runId).toBe(runId);
  });

  test('while Temporal is away it answers 503, and takes the same alert afterwards', async () => {
    const pod = await breakIt('api');
    const firing = crashLooping(pod, new Date().toISOString());
    await holdPart('temporal', labName, true);
    try {
      expect((await post(firing)).status).toBe(503);
      await parts.notReady('gateway', 'temporal');
    } finally {
      await releasePart('temporal', labName);
    }
    await parts.ready('gateway');
    await workloads.until(async () => (await post(firing)).status === 200);
    const { outcome } = (await healing('api').result()) as ProcedureRecord;
    expect(['healed', 'already-healthy', 'escalated']).toContain(outcome);
  });

  test('one that no runbook answers is listed; one of a pod that is not there starts nothing', async () => {
    const { body } = await post(
      notification([
        writtenAlert({ fingerprint: 'dog' }, { alertname: 'Watchdog' }),
        writtenAlert({ fingerprint: 'gone' }, { namespace: workloads.namespace, pod: 'gone' }),
      ]),
    );
    expect(body).toMatchObject({ accepted: 0, unmatched: 2 });
    await workloads.until(async () => {
      const response = await fetch(`${parts.url('gateway')}/api/v1/alerts`, {
        headers: { authorization: `Bearer ${token}` },
      });
      if (!response.ok) return false;
      const { items } = (await response.json()) as { items: { name: string; why: string }[] };
      return (
        items.some(({ name }) => name === 'Watchdog') &&
        items.some(({ why }) => why.includes('gone is not there'))
      );
    });
    await expect(healing('gone').describe()).rejects.toThrow(WorkflowNotFoundError);
  });
});
