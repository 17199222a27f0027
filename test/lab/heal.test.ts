import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { holdPart, releasePart } from '../../src/client/platform';
import type { ProcedureRecord } from '../../src/model/procedure';
import { healWorkflowId } from '../../src/model/target';
import { isStarted } from '../support/healings';
import { describeLab, lab, labName } from '../support/lab';
import { Parts } from '../support/parts';
import { type Behaviour, type Kind, Workloads } from '../support/workloads';

type Handle = WorkflowHandle<() => Promise<ProcedureRecord>>;

/** Worker, detector and shop-like workloads on the real platform, from the fault to the proof. */
describeLab('healing', () => {
  let workloads: Workloads;
  let parts: Parts;
  let connection: Connection;
  let client: Client;

  beforeAll(async () => {
    workloads = await new Workloads().create();
    parts = new Parts(`heal-${randomUUID().slice(0, 8)}`, {
      detector: { namespaces: [workloads.namespace], rolloutDeadline: '10s' },
      healing: { soak: '2s', verifyTimeout: '120s' },
      governor: { coolDown: '1s' },
    });
    connection = await Connection.connect({ address: lab().temporal.address });
    client = new Client({ connection, namespace: lab().temporal.namespace });
    parts.worker();
    parts.detector();
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

  function handleOf(kind: string, name: string, symptom: string): Handle {
    const target = { cluster: parts.cluster, kind, namespace: workloads.namespace, name };
    return client.workflow.getHandle(healWorkflowId(target, symptom));
  }

  async function started(handle: Handle): Promise<Handle> {
    await workloads.until(() => isStarted(handle));
    return handle;
  }

  const recordOf = async (kind: string, name: string, symptom: string) =>
    (await started(handleOf(kind, name, symptom))).result();

  /** How the healings of a workload ended so far, whatever their symptom. */
  async function outcomesOf(kind: string, name: string): Promise<(string | undefined)[]> {
    const symptoms = ['crash-loop', 'rollout-stuck'];
    return Promise.all(
      symptoms.map(async (symptom) => {
        const handle = handleOf(kind, name, symptom);
        return handle.query<ProcedureRecord>('ledger').then(
          ({ outcome }) => outcome,
          () => undefined,
        );
      }),
    );
  }

  const phaseOf = async (handle: Handle) => (await handle.query<ProcedureRecord>('ledger')).phase;

  test.each<[Kind, string, Behaviour]>([
    ['Deployment', 'crash-loop', 'crash'],
    ['StatefulSet', 'crash-loop', 'crash'],
    ['DaemonSet', 'crash-loop', 'crash'],
    ['Deployment', 'rollout-stuck', 'unready'],
    ['StatefulSet', 'rollout-stuck', 'unready'],
    ['DaemonSet', 'rollout-stuck', 'unready'],
  ])('a bad release of a %s heals itself: %s', async (kind, symptom, behaviour) => {
    const name = `${kind.toLowerCase()}-${behaviour}`;
    await workloads.deploy(kind, name);
    await workloads.release(kind, name, behaviour);
    const record = await recordOf(kind, name, symptom);
    expect(record).toMatchObject({ outcome: 'healed' });
    expect(record.ledger.flatMap(({ changed, name: step }) => (changed ? [step] : []))).toEqual([
      'undo-rollout',
    ]);
    expect(await workloads.behaviour(kind, name)).toBe('good');
    expect(await workloads.isAvailable(kind, name)).toBe(true);
    expect(workloads.changesByHomeostat(`${kind.toLowerCase()}s`, name)).toBe(1);
    expect(record.evidence.length).toBeGreaterThan(0);
  });

  test('goes back to the revision that was Available, not to the broken one before', async () => {
    await workloads.deploy('Deployment', 'twice');
    await parts.pausedHealing(client, async () => {
      await workloads.release('Deployment', 'twice', 'crash');
      await workloads.until(() => workloads.isCrashLooping('twice'));
      await workloads.release('Deployment', 'twice', 'unready');
      const handle = await started(handleOf('Deployment', 'twice', 'rollout-stuck'));
      await workloads.until(async () => (await phaseOf(handle)) === 'blocked');
    });
    const record = await handleOf('Deployment', 'twice', 'rollout-stuck').result();
    expect(['healed', 'already-healthy']).toContain(record.outcome);
    await handleOf('Deployment', 'twice', 'crash-loop').result();
    expect(await workloads.behaviour('Deployment', 'twice')).toBe('good');
    expect(workloads.changesByHomeostat('deployments', 'twice')).toBe(1);
  });

  test('a workload that was never good is left as it is, with the evidence', async () => {
    await workloads.deploy('Deployment', 'newborn', { behaviour: 'crash', wait: false });
    const record = await recordOf('Deployment', 'newborn', 'crash-loop');
    expect(record.outcome).toBe('escalated');
    expect(record.evidence.map(({ uri }) => uri).join()).toContain('logs');
    expect(workloads.changesByHomeostat('deployments', 'newborn')).toBe(0);
  });

  test('three crashing pods are one incident and one rollback', async () => {
    await workloads.deploy('Deployment', 'three', { replicas: 3 });
    await workloads.release('Deployment', 'three', 'crash');
    expect(await recordOf('Deployment', 'three', 'crash-loop')).toMatchObject({
      outcome: 'healed',
    });
    expect(workloads.changesByHomeostat('deployments', 'three')).toBe(1);
  });

  test('two broken workloads: neither waits for the other', async () => {
    await Promise.all(['left', 'right'].map((name) => workloads.deploy('Deployment', name)));
    await Promise.all(
      ['left', 'right'].map((name) => workloads.release('Deployment', name, 'crash')),
    );
    const records = await Promise.all(
      ['left', 'right'].map((name) => recordOf('Deployment', name, 'crash-loop')),
    );
    const [one, other] = records as [ProcedureRecord, ProcedureRecord];
    expect([one.outcome, other.outcome]).toEqual(['healed', 'healed']);
    expect(Date.parse(one.startedAt)).toBeLessThan(Date.parse(other.endedAt!));
    expect(Date.parse(other.startedAt)).toBeLessThan(Date.parse(one.endedAt!));
  });

  test('a person mends it in the middle: noticed, nothing more is done', async () => {
    await workloads.deploy('Deployment', 'mended');
    await parts.pausedHealing(client, async () => {
      await workloads.release('Deployment', 'mended', 'crash');
      const handle = await started(handleOf('Deployment', 'mended', 'crash-loop'));
      await workloads.until(async () => (await phaseOf(handle)) === 'blocked');
      await workloads.release('Deployment', 'mended', 'good');
      await workloads.until(() => workloads.isAvailable('Deployment', 'mended'));
      const record = await handle.result();
      expect(record.outcome).toBe('already-healthy');
    });
    expect(workloads.changesByHomeostat('deployments', 'mended')).toBe(0);
  });

  test('a bare pod is made anew only after an approval', async () => {
    await workloads.barePod('lonely', 'crash');
    const handle = await started(handleOf('Pod', 'lonely', 'crash-loop'));
    await workloads.until(async () => (await phaseOf(handle)) === 'waiting-approval');
    await sleep(1_000);
    expect(workloads.changesByHomeostat('pods', 'lonely')).toBe(0);
    await expect(handle.executeUpdate('approve', { args: [{ by: '' }] })).rejects.toMatchObject({
      cause: { message: expect.stringContaining('"by"') },
    });
    await handle.executeUpdate('deny', { args: [{ by: 'tester', reason: 'leave it' }] });
    expect(await handle.result()).toMatchObject({ outcome: 'denied' });
    expect(workloads.changesByHomeostat('pods', 'lonely')).toBe(0);
    await workloads.core.deleteNamespacedPod({ name: 'lonely', namespace: workloads.namespace });
  });

  test('a protected workload waits for approval, and a script can give it', async () => {
    const annotations = { 'homeostat.dev/protected': 'true' };
    await workloads.deploy('Deployment', 'guarded', { annotations });
    await workloads.release('Deployment', 'guarded', 'crash');
    const handle = await started(handleOf('Deployment', 'guarded', 'crash-loop'));
    await workloads.until(async () => (await phaseOf(handle)) === 'waiting-approval');
    expect(workloads.changesByHomeostat('deployments', 'guarded')).toBe(0);
    await handle.signal('approve', { by: 'tester' });
    expect(await handle.result()).toMatchObject({
      outcome: 'healed',
      approvals: [{ state: 'approved', by: 'tester' }],
    });
  });

  test('Temporal killed and back in the middle: one rollback, the same end', async () => {
    await workloads.deploy('Deployment', 'temporal');
    await workloads.release('Deployment', 'temporal', 'crash');
    const handle = await started(handleOf('Deployment', 'temporal', 'crash-loop'));
    await holdPart('temporal', labName, true);
    await sleep(3_000);
    await releasePart('temporal', labName);
    const record = await patiently(() => handle.result());
    expect(record.outcome).toBe('healed');
    expect(workloads.changesByHomeostat('deployments', 'temporal')).toBe(1);
  });

  test('the API server away for 20 s: parts not ready, then caught up', async () => {
    await workloads.deploy('Deployment', 'apiserver');
    await parts.ready('worker');
    await parts.ready('detector');
    await workloads.release('Deployment', 'apiserver', 'crash');
    await holdPart('kube-apiserver', labName);
    await parts.notReady('worker', 'kubernetes');
    await parts.notReady('detector', 'kubernetes');
    await sleep(20_000);
    await releasePart('kube-apiserver', labName);
    // While its controllers come back, the rollout misses its deadline too: either symptom may heal it.
    await workloads.until(async () =>
      (await outcomesOf('Deployment', 'apiserver')).includes('healed'),
    );
    expect(await workloads.behaviour('Deployment', 'apiserver')).toBe('good');
    await parts.ready('worker');
    await parts.ready('detector');
    expect(workloads.changesByHomeostat('deployments', 'apiserver')).toBe(1);
  });
});

/** Repeats what fails while Temporal is away. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(500);
    }
  }
}
