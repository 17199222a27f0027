import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import type { HealInput } from '../../src/model/incident';
import type { ProcedureRecord } from '../../src/model/procedure';
import { healWorkflowId, type Target } from '../../src/model/target';
import { describeLab, lab } from '../support/lab';
import { Parts } from '../support/parts';
import { type Behaviour, Workloads } from '../support/workloads';

const activities = ['diagnose', 'snapshot', 'planChange', 'makeChange', 'awaitHealthy'];
const moments = ['before', 'during', 'after'];
const symptoms: [string, Behaviour][] = [
  ['crash-loop', 'crash'],
  ['rollout-stuck', 'unready'],
];

const everyStep = symptoms.flatMap(([symptom, behaviour]) =>
  activities.flatMap((activity) =>
    moments.map((moment) => ({ symptom, behaviour, activity, moment })),
  ),
);

type Handle = WorkflowHandle<() => Promise<ProcedureRecord>>;

// Each with a worker, a queue, a governor and a namespace of its own, so that some can run side by side.
describeLab('a worker that is killed changes nothing', () => {
  test.concurrent.each(everyStep)(
    '$symptom: SIGKILL $moment $activity',
    async ({ symptom, behaviour, activity, moment }) => {
      await withCrash({ activity, moment, settings: {} }, async (trial) => {
        const { workloads } = trial;
        await breakIt(workloads, behaviour);
        const record = await (await trial.heal(symptom)).result();
        expect(record.outcome).toBe('healed');
        expect(trial.crashed()).toBe(true);
        expect(await workloads.isAvailable('Deployment', 'web')).toBe(true);
        expect(await workloads.behaviour('Deployment', 'web')).toBe('good');
        expect(workloads.changesByHomeostat('deployments', 'web')).toBe(1);
        // A look is taken again after a long wait; everything else happens once.
        const steps = record.ledger.filter(({ name }) => name !== 'observe');
        expect(steps.map(({ name }) => name)).toEqual(['undo-rollout', 'verify']);
        for (const entry of record.ledger) {
          expect(entry).toMatchObject({
            state: 'done',
            startedAt: expect.any(String),
            endedAt: expect.any(String),
            attempts: expect.any(Number),
          });
        }
        expect(steps[0]!.undo).toMatchObject({ state: 'recorded' });
      });
    },
    300_000,
  );

  test.concurrent.each(moments)(
    'an abort that puts the release back: SIGKILL %s revertChange',
    async (moment) => {
      // A soak that does not end, so that the abort comes in the middle.
      const settings = { soakMs: 120_000, verifyTimeoutMs: 240_000 };
      await withCrash({ activity: 'revertChange', moment, settings }, async (trial) => {
        const { workloads } = trial;
        await breakIt(workloads, 'crash');
        const handle = await trial.heal('crash-loop');
        await workloads.until(async () => {
          const { ledger } = await handle.query<ProcedureRecord>('ledger');
          return ledger.at(-1)?.name === 'verify';
        });
        await handle.signal('abort', { by: 'tester', reason: 'trial' });
        const record = await handle.result();
        expect(record.outcome).toBe('aborted');
        expect(trial.crashed()).toBe(true);
        const rollback = record.ledger.find(({ name }) => name === 'undo-rollout');
        expect(rollback!.undo).toMatchObject({ state: 'done' });
        expect(await workloads.behaviour('Deployment', 'web')).toBe('crash');
        expect(workloads.changesByHomeostat('deployments', 'web')).toBe(2);
      });
    },
    300_000,
  );
});

interface Trial {
  workloads: Workloads;
  heal(symptom: string): Promise<Handle>;
  /** Whether the worker really was killed at the chosen moment. */
  crashed(): boolean;
}

interface Crash {
  activity: string;
  moment: string;
  settings: NonNullable<HealInput['settings']>;
}

async function breakIt(workloads: Workloads, behaviour: Behaviour): Promise<void> {
  await workloads.deploy('Deployment', 'web');
  await workloads.release('Deployment', 'web', behaviour);
  if (behaviour === 'crash') return workloads.until(() => workloads.isCrashLooping('web'));
  return workloads.until(async () => {
    const { status } = await workloads.apps.readNamespacedDeployment({
      name: 'web',
      namespace: workloads.namespace,
    });
    return status?.conditions?.some(({ reason }) => reason === 'ProgressDeadlineExceeded') ?? false;
  });
}

async function withCrash(crash: Crash, test: (trial: Trial) => Promise<void>): Promise<void> {
  const parts = new Parts(`kill-${randomUUID().slice(0, 8)}`);
  const marker = path.join(parts.folder, 'crashed');
  const workloads = await new Workloads().create();
  const { address, namespace } = lab().temporal;
  const connection = await Connection.connect({ address });
  const client = new Client({ connection, namespace });
  try {
    parts.worker({ CRASH_AT: JSON.stringify({ ...crash, marker }) });
    await test({
      workloads,
      heal: (symptom) => heal(client, parts, workloads, symptom, crash.settings),
      crashed: () => existsSync(marker),
    });
  } finally {
    await client.workflow
      .getHandle(`governor:${parts.cluster}`)
      .terminate()
      .catch(() => undefined);
    await connection.close();
    await parts.end();
    await workloads.remove();
  }
}

function heal(
  client: Client,
  parts: Parts,
  workloads: Workloads,
  symptom: string,
  settings: Crash['settings'],
): Promise<Handle> {
  const target: Target = {
    cluster: parts.cluster,
    kind: 'Deployment',
    namespace: workloads.namespace,
    name: 'web',
  };
  const seenAt = new Date().toISOString();
  const observations = [
    {
      object: `Deployment/${workloads.namespace}/web`,
      state: 'broken' as const,
      message: '',
      seenAt,
    },
  ];
  const input: HealInput = {
    incident: { target, symptom, observations },
    settings: { soakMs: 1_000, verifyTimeoutMs: 60_000, ...settings },
  };
  return client.workflow.start('heal', {
    workflowId: healWorkflowId(target, symptom),
    taskQueue: parts.taskQueue,
    args: [input],
  }) as Promise<Handle>;
}
