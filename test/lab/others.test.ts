import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  BatchV1Api,
  PatchStrategy,
  PolicyV1Api,
  setHeaderOptions,
  type V1JobSpec,
  type V1PodDisruptionBudgetSpec,
  type V1PodSpec,
} from '@kubernetes/client-node';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { holdPart, releasePart } from '../../src/client/platform';
import type { ProcedureRecord } from '../../src/model/procedure';
import { healWorkflowId } from '../../src/model/target';
import { isStarted } from '../support/healings';
import { describeLab, lab, labName } from '../support/lab';
import { Parts } from '../support/parts';
import { adminKubeConfig, Workloads } from '../support/workloads';

type Handle = WorkflowHandle<() => Promise<ProcedureRecord>>;

/** A Homeostat and a namespace of a test's own; `crash` kills the worker once at a moment of `makeChange`. */
class Trial {
  readonly batch = adminKubeConfig().makeApiClient(BatchV1Api);
  readonly policy = adminKubeConfig().makeApiClient(PolicyV1Api);

  private constructor(
    readonly workloads: Workloads,
    readonly parts: Parts,
    private readonly connection: Connection,
    readonly client: Client,
  ) {}

  static async start(crash?: string): Promise<Trial> {
    const workloads = await new Workloads().create();
    const parts = new Parts(`others-${randomUUID().slice(0, 8)}`, {
      detector: {
        namespaces: [workloads.namespace],
        terminatingDeadline: '2s',
        drainDeadline: '2s',
        evictedPods: 2,
      },
      healing: { soak: '2s', verifyTimeout: '90s' },
      governor: { coolDown: '1s' },
    });
    const { address, namespace } = lab().temporal;
    const connection = await Connection.connect({ address });
    const trial = new Trial(workloads, parts, connection, new Client({ connection, namespace }));
    const at = { activity: 'makeChange', moment: crash, marker: trial.marker };
    parts.worker(crash ? { CRASH_AT: JSON.stringify(at) } : {});
    parts.detector();
    return trial;
  }

  private get marker(): string {
    return path.join(this.parts.folder, 'crashed');
  }

  async end(): Promise<void> {
    await this.client.workflow
      .getHandle(`governor:${this.parts.cluster}`)
      .terminate()
      .catch(() => undefined);
    await this.connection.close();
    await this.parts.end();
    await this.workloads.remove();
  }

  /** Whether the worker really was killed at the chosen moment. */
  crashed(): boolean {
    return existsSync(this.marker);
  }

  /** The healing that the detector started. */
  async healing(kind: string, name: string, symptom: string): Promise<Handle> {
    const target = {
      cluster: this.parts.cluster,
      kind,
      namespace: this.workloads.namespace,
      name,
    };
    const handle: Handle = this.client.workflow.getHandle(healWorkflowId(target, symptom));
    await this.workloads.until(() => isStarted(handle));
    return handle;
  }

  async recordOf(kind: string, name: string, symptom: string): Promise<ProcedureRecord> {
    return (await this.healing(kind, name, symptom)).result();
  }

  async approve(handle: Handle): Promise<void> {
    await this.workloads.until(async () => {
      const { phase } = await handle.query<ProcedureRecord>('ledger');
      return phase === 'waiting-approval';
    });
    await handle.executeUpdate('approve', { args: [{ by: 'tester' }] });
  }

  async deploy(name: string, spec: V1PodSpec): Promise<void> {
    const labels = { app: name };
    const { namespace } = this.workloads;
    await this.workloads.apps.createNamespacedDeployment({
      namespace,
      body: {
        metadata: { name, namespace },
        spec: {
          replicas: 1,
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec },
        },
      },
    });
  }

  job(name: string, spec: Partial<V1JobSpec>, annotations: Record<string, string>) {
    const { namespace } = this.workloads;
    const body = { metadata: { name, namespace, annotations }, spec: jobSpec(spec) };
    return this.batch.createNamespacedJob({ namespace, body });
  }
}

const shell = (script: string, more: Partial<V1PodSpec> = {}): V1PodSpec => ({
  terminationGracePeriodSeconds: 1,
  containers: [
    {
      name: 'main',
      image: 'localhost/busybox:1',
      imagePullPolicy: 'Never',
      command: ['sh', '-c', script],
      volumeMounts: more.volumes?.map(({ name }) => ({ name, mountPath: `/${name}` })),
    },
  ],
  ...more,
});

const untilKilled = 'trap "exit 0" TERM; while true; do sleep 0.2; done';

function jobSpec(spec: Partial<V1JobSpec>): V1JobSpec {
  return {
    backoffLimit: 0,
    template: { spec: shell('exit 1', { restartPolicy: 'Never' }) },
    ...spec,
  };
}

/** Waits for the test before it acts. */
const guarded = { 'homeostat.dev/protected': 'true' };
const idempotent = { 'homeostat.dev/idempotent': 'true' };

/** Fails until there is a ConfigMap of this name. */
const succeedsWith = (configMap: string): Partial<V1JobSpec> => ({
  template: {
    spec: shell('test -s /input/ready', {
      restartPolicy: 'Never',
      volumes: [{ name: 'input', configMap: { name: configMap, optional: true } }],
    }),
  },
});

/** One Homeostat for all tests that neither kill its worker nor halt it. */
let common: Promise<Trial> | undefined;
const shared = () => {
  common ??= Trial.start();
  return common;
};

async function withTrial(crash: string, test: (trial: Trial) => Promise<void>): Promise<void> {
  const trial = await Trial.start(crash);
  try {
    await test(trial);
    expect(trial.crashed()).toBe(true);
  } finally {
    await trial.end();
  }
}

describeLab('runbooks of pods, Jobs and budgets', () => {
  afterAll(async () => (await common)?.end());

  test.concurrent('a foreign finalizer is removed after an approval', async () =>
    foreignFinalizer(await shared()));

  test.concurrent('SIGKILL after the removal of a finalizer: removed once', () =>
    withTrial('after', foreignFinalizer));

  test.concurrent('a failed Job is made anew, and succeeds', async () => failedJob(await shared()));

  test.concurrent.each(['during', 'after'])(
    'SIGKILL %s the making of a Job: made anew once',
    (moment) => withTrial(moment, failedJob),
  );

  test.concurrent('a Job that goes on failing becomes a page after two attempts', async () => {
    const trial = await shared();
    await trial.job('broken', {}, idempotent);
    const record = await trial.recordOf('Job', 'broken', 'job-failed');
    expect(record.outcome).toBe('escalated');
    expect(takenIn(record)).toEqual(['recreate', 'recreate-again']);
    const { namespace } = trial.workloads;
    const job = await trial.batch.readNamespacedJob({ name: 'broken', namespace });
    expect(job.metadata?.annotations).toMatchObject({ 'homeostat.dev/attempt': '2' });
  });

  test.concurrent('a Job without the mark is left as it is, with the evidence', async () => {
    const trial = await shared();
    await trial.job('once', {}, {});
    const record = await trial.recordOf('Job', 'once', 'job-failed');
    expect(record.outcome).toBe('escalated');
    expect(record.evidence.map(({ uri }) => uri).join()).toContain('logs');
    expect(trial.workloads.changesByHomeostat('jobs', 'once')).toBe(0);
  });

  test.concurrent('a CronJob’s failed Job is made anew, and the CronJob is healed', async () => {
    const trial = await shared();
    const { namespace } = trial.workloads;
    const jobTemplate = {
      metadata: { annotations: idempotent },
      spec: jobSpec(succeedsWith('cron-input')),
    };
    const metadata = { name: 'minutely', namespace, annotations: guarded };
    const spec = { schedule: '* * * * *', jobTemplate, concurrencyPolicy: 'Forbid' };
    await trial.batch.createNamespacedCronJob({ namespace, body: { metadata, spec } });
    const handle = await trial.healing('CronJob', 'minutely', 'job-failed');
    // No other run: it is this very Job that has to succeed.
    await trial.batch.patchNamespacedCronJob(
      { name: 'minutely', namespace, body: { spec: { suspend: true } } },
      setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
    );
    await provide(trial.workloads, 'cron-input');
    await trial.approve(handle);
    const record = await handle.result();
    expect(record).toMatchObject({ outcome: 'healed' });
    expect(takenIn(record)).toEqual(['recreate']);
  });

  // One after the other: the second cordon would keep pods of the first from going.
  test.concurrent('budgets that hold up a drain give way for a while, and are put back', async () => {
    await heldUpDrain(await shared(), 'scale-up', { minAvailable: 2 });
    await heldUpDrain(await shared(), 'relax', { maxUnavailable: 0 });
  });

  test.concurrent('evicted pods are collected once, though the worker is killed', () =>
    withTrial('after', evictedPods));
});

// A kubelet is held down meanwhile, so these run by themselves.
describeLab('a node that does not confirm the end of a pod', () => {
  afterEach(() => releasePart('node-3', labName));

  test('the deletion is forced', async () => {
    const trial = await Trial.start();
    try {
      await silentNode(trial);
    } finally {
      await trial.end();
    }
  });

  test('SIGKILL after the deletion: forced once', () => withTrial('after', silentNode));
});

async function foreignFinalizer(trial: Trial): Promise<void> {
  const { workloads } = trial;
  await trial.deploy('kept', shell(untilKilled));
  await workloads.until(async () => (await workloads.pods('kept')).length === 1);
  const [pod] = await workloads.pods('kept');
  const name = pod!.metadata!.name!;
  await addFinalizer(workloads, name);
  await workloads.core.deleteNamespacedPod({ name, namespace: workloads.namespace });
  const handle = await trial.healing('Deployment', 'kept', 'stuck-terminating');
  await trial.approve(handle);
  const record = await handle.result();
  expect(record).toMatchObject({ outcome: 'healed' });
  expect(record.approvals[0]?.summary).toContain('example.com/keeps');
  expect(takenIn(record)).toEqual(['remove-finalizers']);
  expect(workloads.changesByHomeostat('pods', name)).toBe(1);
  const names = (await workloads.pods('kept')).map(({ metadata }) => metadata!.name);
  expect(names).not.toContain(name);
}

async function failedJob(trial: Trial): Promise<void> {
  const { workloads } = trial;
  const { namespace } = workloads;
  await trial.job('import', succeedsWith('input'), { ...idempotent, ...guarded });
  const handle = await trial.healing('Job', 'import', 'job-failed');
  await provide(workloads, 'input');
  await trial.approve(handle);
  const record = await handle.result();
  expect(record).toMatchObject({ outcome: 'healed' });
  expect(takenIn(record)).toEqual(['recreate']);
  const job = await trial.batch.readNamespacedJob({ name: 'import', namespace });
  expect(job.status?.succeeded).toBe(1);
  expect(job.metadata?.annotations).toMatchObject({ 'homeostat.dev/attempt': '1' });
  // One deletion and one creation.
  expect(workloads.changesByHomeostat('jobs', 'import')).toBe(2);
}

async function evictedPods(trial: Trial): Promise<void> {
  const { workloads, parts, client } = trial;
  await parts.ready('worker');
  let evicted: string[] = [];
  await parts.pausedHealing(client, async () => {
    await trial.deploy('greedy', greedy());
    await workloads.until(async () => {
      evicted = await evictedIn(workloads, 'greedy');
      return evicted.length >= 2;
    }, 180_000);
    await mend(workloads, 'greedy', untilKilled);
    await workloads.until(() => workloads.isAvailable('Deployment', 'greedy'));
    evicted = await evictedIn(workloads, 'greedy');
  });
  const record = await trial.recordOf('Deployment', 'greedy', 'evicted-pods');
  expect(record).toMatchObject({ outcome: 'healed' });
  expect(takenIn(record)).toEqual(['collect-evicted']);
  expect(record.evidence.map(({ uri }) => uri).join()).toContain('pods.yaml');
  expect(await evictedIn(workloads, 'greedy')).toEqual([]);
  for (const name of evicted) expect(workloads.changesByHomeostat('pods', name)).toBe(1);
  expect(await workloads.isAvailable('Deployment', 'greedy')).toBe(true);
}

async function evictedIn(workloads: Workloads, app: string): Promise<string[]> {
  const pods = await workloads.pods(app);
  return pods.flatMap(({ status, metadata }) =>
    status?.reason === 'Evicted' ? [metadata!.name!] : [],
  );
}

async function heldUpDrain(
  trial: Trial,
  rung: string,
  limits: Partial<V1PodDisruptionBudgetSpec>,
): Promise<void> {
  const { workloads } = trial;
  const { namespace } = workloads;
  await workloads.deploy('Deployment', rung);
  const spec = { selector: { matchLabels: { app: rung } }, ...limits };
  const body = { metadata: { name: rung, namespace }, spec };
  await trial.policy.createNamespacedPodDisruptionBudget({ namespace, body });
  const [pod] = await workloads.pods(rung);
  const node = pod!.spec!.nodeName!;
  await cordon(workloads, node, true);
  try {
    const handle = await trial.healing('PodDisruptionBudget', rung, 'pdb-too-strict');
    await trial.approve(handle);
    await drain(workloads, rung, node);
    const record = await handle.result();
    expect(record).toMatchObject({ outcome: 'healed' });
    expect(takenIn(record)).toEqual([rung]);
  } finally {
    await cordon(workloads, node, false);
  }
  const deployment = await workloads.apps.readNamespacedDeployment({ name: rung, namespace });
  expect(deployment.spec?.replicas).toBe(2);
  const request = { name: rung, namespace };
  const after = await trial.policy.readNamespacedPodDisruptionBudget(request);
  expect(after.spec).toMatchObject(limits);
  const changed = rung === 'relax' ? 'poddisruptionbudgets' : 'deployments';
  // There and back.
  expect(workloads.changesByHomeostat(changed, rung)).toBe(2);
  for (const { metadata } of [deployment, after]) {
    expect(metadata?.annotations ?? {}).not.toHaveProperty(['homeostat.dev/held-by']);
  }
}

/** As kubectl drain does it: asks for evictions until no pod of the app is left on the node. */
async function drain(workloads: Workloads, app: string, node: string): Promise<void> {
  const { namespace } = workloads;
  await workloads.until(async () => {
    const left = (await workloads.pods(app)).filter(({ spec }) => spec?.nodeName === node);
    for (const { metadata } of left) {
      const name = metadata!.name!;
      const body = { metadata: { name, namespace } };
      await workloads.core
        .createNamespacedPodEviction({ name, namespace, body })
        .catch(() => undefined);
    }
    await sleep(500);
    return left.length === 0;
  });
}

async function cordon(workloads: Workloads, name: string, unschedulable: boolean): Promise<void> {
  await workloads.core.patchNode(
    { name, body: { spec: { unschedulable } } },
    setHeaderOptions('Content-Type', PatchStrategy.MergePatch),
  );
}

async function silentNode(trial: Trial): Promise<void> {
  const { workloads } = trial;
  const { namespace } = workloads;
  const name = await podOnLastNode(trial, 'silent');
  await holdPart('node-3', labName, true);
  await workloads.core.deleteNamespacedPod({ name, namespace });
  const record = await trial.recordOf('Deployment', 'silent', 'stuck-terminating');
  expect(record).toMatchObject({ outcome: 'healed' });
  expect(takenIn(record)).toEqual(['force-delete']);
  // The test's own deletion is not Homeostat's.
  expect(workloads.changesByHomeostat('pods', name)).toBe(1);
}

async function podOnLastNode(trial: Trial, app: string): Promise<string> {
  const { workloads } = trial;
  await trial.deploy(app, shell(untilKilled, { nodeName: 'node-3' }));
  await workloads.until(() => workloads.isAvailable('Deployment', app));
  const [pod] = await workloads.pods(app);
  return pod!.metadata!.name!;
}

function takenIn({ ledger }: ProcedureRecord): string[] {
  return ledger.flatMap(({ name, changed }) => (changed ? [name] : []));
}

function greedy(): V1PodSpec {
  return shell('dd if=/dev/zero of=/scratch/f bs=1M count=8; sleep 3600', {
    volumes: [{ name: 'scratch', emptyDir: { sizeLimit: '1Mi' } }],
  });
}

async function mend(workloads: Workloads, name: string, script: string): Promise<void> {
  const containers = [{ name: 'main', command: ['sh', '-c', script] }];
  const body = { spec: { template: { spec: { containers } } } };
  await workloads.apps.patchNamespacedDeployment(
    { name, namespace: workloads.namespace, body },
    setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch),
  );
}

async function addFinalizer(workloads: Workloads, name: string): Promise<void> {
  const body = { metadata: { finalizers: ['example.com/keeps'] } };
  await workloads.core.patchNamespacedPod(
    { name, namespace: workloads.namespace, body },
    setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch),
  );
}

async function provide(workloads: Workloads, name: string): Promise<void> {
  const body = { metadata: { name }, data: { ready: 'yes' } };
  await workloads.core.createNamespacedConfigMap({ namespace: workloads.namespace, body });
}
