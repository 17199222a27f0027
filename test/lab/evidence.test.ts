import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { KubernetesObjectApi } from '@kubernetes/client-node';
import { Client, Connection } from '@temporalio/client';
import { holdPart, releasePart } from '../../src/client/platform';
import { nameInSnapshot, snapshotLabel } from '../../src/model/artifacts';
import type { Metrics } from '../../src/model/metrics';
import type { EvidenceRef, ProcedureRecord } from '../../src/model/procedure';
import type { Report } from '../../src/model/report';
import { healWorkflowId } from '../../src/model/target';
import { runCli } from '../support/cli';
import { homeostat } from '../support/homeostat';
import { describeLab, lab, labName } from '../support/lab';
import { Parts } from '../support/parts';
import { adminKubeConfig, Workloads } from '../support/workloads';

const buildingMonitoring = 20 * 60_000;

/** Evidence of real healings, with a real Prometheus; and healings while what keeps evidence is away. */
describeLab('evidence', () => {
  let workloads: Workloads;
  let parts: Parts;
  let connection: Connection;
  let client: Client;

  beforeAll(async () => {
    homeostat(['up', '--bare', '--monitoring', '--name', labName]);
    workloads = await new Workloads().create();
    parts = new Parts(`evidence-${randomUUID().slice(0, 8)}`, {
      detector: { namespaces: [workloads.namespace] },
      healing: { soak: '6s', verifyTimeout: '120s' },
      governor: { coolDown: '1s' },
      prometheus: { url: lab().monitoring!.prometheus, lookback: '5m' },
    });
    connection = await Connection.connect({ address: lab().temporal.address });
    client = new Client({ connection, namespace: lab().temporal.namespace });
    parts.worker();
    parts.detector();
  }, buildingMonitoring);
  afterAll(async () => {
    await client?.workflow
      .getHandle(`governor:${parts.cluster}`)
      .terminate()
      .catch(() => undefined);
    await connection?.close();
    await parts?.end();
    await workloads?.remove();
  });

  const idOf = (name: string) => {
    const { namespace } = workloads;
    return healWorkflowId(
      { cluster: parts.cluster, kind: 'Deployment', namespace, name },
      'crash-loop',
    );
  };

  /** Breaks a workload, and waits for its healing's end. */
  async function afterCrash(name: string): Promise<ProcedureRecord> {
    await workloads.release('Deployment', name, 'crash');
    const handle = client.workflow.getHandle<() => Promise<ProcedureRecord>>(idOf(name));
    await workloads.until(() =>
      handle.describe().then(
        () => true,
        () => false,
      ),
    );
    const record = await handle.result();
    // On a slow machine the rollout misses its deadline too, and the other symptom may heal it first.
    expect(['healed', 'already-healthy']).toContain(record.outcome);
    expect(await workloads.behaviour('Deployment', name)).toBe('good');
    return record;
  }

  const kept = ({ uri }: EvidenceRef) => readFileSync(path.join(parts.artifacts, uri));

  const report = (name: string, format: string) =>
    runCli('report', idOf(name), '--format', format, '--config', parts.cliConfig());

  test('of a healing: at the start, at the rung and at the end, with metrics; and its report', async () => {
    await workloads.deploy('Deployment', 'web');
    const { prometheus } = lab().monitoring!;
    const query = `${prometheus}/api/v1/query?query=${encodeURIComponent(`kube_pod_status_ready{namespace="${workloads.namespace}",condition="true"} == 1`)}`;
    await workloads.until(async () => (await (await fetch(query)).text()).includes('"web-'));
    const record = await afterCrash('web');
    expect(record.outcome).toBe('healed');

    const labels = [...new Set(record.evidence.map(snapshotLabel))];
    expect(labels.sort()).toEqual(['end', 'start', 'undo-rollout']);
    for (const label of labels) {
      const names = record.evidence
        .filter((one) => snapshotLabel(one) === label)
        .map(nameInSnapshot);
      expect(names).toEqual(
        expect.arrayContaining([
          'owner.yaml',
          'revisions.yaml',
          'pods.yaml',
          'events.txt',
          'metrics.json',
        ]),
      );
      expect(names.some((name) => name.startsWith('logs/'))).toBe(true);
    }
    const rung = record.ledger.find(({ name }) => name === 'undo-rollout');
    expect(rung?.evidence?.every((one) => snapshotLabel(one) === 'undo-rollout')).toBe(true);
    for (const reference of record.evidence) {
      expect(createHash('sha256').update(kept(reference)).digest('hex')).toBe(reference.digest);
    }
    const last = record.evidence.filter(({ name }) => name === 'metrics.json').at(-1)!;
    const metrics = JSON.parse(kept(last).toString()) as Metrics;
    expect(metrics.charts.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['available', 'ready', 'restarts']),
    );

    const page = await report('web', 'html');
    const text = await report('web', 'md');
    const json = await report('web', 'json');
    expect([page.code, text.code, json.code]).toEqual([0, 0, 0]);
    expect(page.stdout.match(/<svg/g)!.length).toBeGreaterThan(3);
    expect(page.stdout).toContain('is broken');
    expect(page.stdout).not.toMatch(/class="seal (altered|missing|unread)"/);
    expect(text.stdout).toContain('is broken');
    const { artifacts } = JSON.parse(json.stdout) as Report;
    expect(artifacts.every(({ integrity }) => integrity === 'intact')).toBe(true);

    const [altered, gone] = record.evidence as [EvidenceRef, EvidenceRef];
    await writeFile(path.join(parts.artifacts, altered.uri), 'nothing to see here');
    await rm(path.join(parts.artifacts, gone.uri));
    const again = JSON.parse((await report('web', 'json')).stdout) as Report;
    const integrityOf = ({ uri }: EvidenceRef) =>
      again.artifacts.find((one) => one.uri === uri)?.integrity;
    expect([integrityOf(altered), integrityOf(gone)]).toEqual(['altered', 'missing']);
    expect((await report('web', 'html')).stdout).not.toContain('nothing to see here');
  });

  test('the store is away: healed without evidence, and both say so', async () => {
    await workloads.deploy('Deployment', 'storeless');
    const aside = `${parts.artifacts}.aside`;
    await rename(parts.artifacts, aside);
    await writeFile(parts.artifacts, 'no folder');
    try {
      const record = await afterCrash('storeless');
      expect(record.evidence).toEqual([]);
      expect(record.notes.map(({ text }) => text).join('\n')).toContain('no evidence (start): ');
      expect(await parts.metrics('worker')).toMatch(
        /homeostat_breaker_state\{system="artifacts"\} [12]/,
      );
    } finally {
      await rm(parts.artifacts);
      await rename(aside, parts.artifacts);
    }
  });

  test('Prometheus is away: healed with evidence but for the metrics', async () => {
    await workloads.deploy('Deployment', 'unmeasured');
    await holdPart('prometheus', labName);
    try {
      const record = await afterCrash('unmeasured');
      expect(record.evidence.map(nameInSnapshot)).toContain('owner.yaml');
      expect(record.evidence.map(nameInSnapshot)).not.toContain('metrics.json');
      expect(record.notes.map(({ text }) => text).join('\n')).toContain('no metrics (end): ');
    } finally {
      await releasePart('prometheus', labName);
    }
  });

  test('doctor finds a cordon that no procedure holds any more, and takes it away', async () => {
    const api = KubernetesObjectApi.makeApiClient(adminKubeConfig());
    const { items } = await workloads.core.listNode();
    const [leaked, held] = items.map(({ metadata }) => metadata!.name!) as [string, string];
    const mark = (name: string, id: string | null, unschedulable: true | null) =>
      api.patch({
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name, annotations: { 'homeostat.dev/held-by': id } },
        spec: { unschedulable },
      } as unknown as { apiVersion: string; kind: string });
    const doctor = (...more: string[]) =>
      runCli('doctor', '--name', labName, '--config', parts.cliConfig(), '-o', 'json', ...more);
    const marks = ({ stdout }: { stdout: string }) =>
      (
        JSON.parse(stdout) as { checks: { name: string; ok: boolean; detail: string }[] }
      ).checks.find(({ name }) => name === 'marks')!;
    const running = `governor:${parts.cluster}`;
    await mark(leaked, `heal:${parts.cluster}:_:Node:${leaked}:node-not-ready`, true);
    await mark(held, running, true);
    try {
      const found = await doctor();
      expect(found.code).toBe(1);
      expect(marks(found)).toMatchObject({ ok: false, detail: expect.stringContaining(leaked) });
      expect(marks(found).detail).not.toContain(running);
      expect(marks(await doctor('--fix'))).toMatchObject({
        ok: true,
        detail: expect.stringContaining('uncordoned'),
      });
      expect(marks(await doctor())).toMatchObject({ ok: true });
      const nodes = (await workloads.core.listNode()).items;
      const cordoned = nodes.filter(({ spec }) => spec?.unschedulable);
      expect(cordoned.map(({ metadata }) => metadata?.name)).toEqual([held]);
    } finally {
      await mark(leaked, null, null);
      await mark(held, null, null);
    }
  });
});
