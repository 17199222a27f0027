import { randomUUID } from 'node:crypto';
import { Client, type WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { defaultGovernorPolicy, type GovernorPolicy } from '../../src/model/governor/policy';
import type { GovernorState } from '../../src/model/governor/state';
import type { HealInput } from '../../src/model/incident';
import type { ProcedureRecord } from '../../src/model/procedure';
import { governorWorkflowId, healWorkflowId, type Target } from '../../src/model/target';
import { badRelease, FakeCluster } from '../support/fake-cluster';
import { describeWorkflow, runWithWorker, startTimeSkipping } from '../support/time-skipping';

type Handle = WorkflowHandle<() => Promise<ProcedureRecord>>;

describeWorkflow('governor', () => {
  let env: TestWorkflowEnvironment;
  let client: Client;
  let cluster: FakeCluster;
  beforeAll(async () => {
    env = await startTimeSkipping();
    // Leaves the clock alone, unlike the environment's own client: the governor never ends.
    client = new Client({ connection: env.connection });
  });
  afterAll(() => env?.teardown());
  beforeEach(() => {
    cluster = new FakeCluster();
  });

  interface Running {
    governor: WorkflowHandle;
    heal(name?: string, input?: Partial<HealInput>): Promise<Handle>;
    state(): Promise<GovernorState>;
  }

  /** A governor with limits of its own, and a worker, for every test. */
  function governed<T>(
    policy: Partial<GovernorPolicy>,
    test: (context: Running) => Promise<T>,
  ): Promise<T> {
    const name = randomUUID().slice(0, 8);
    return runWithWorker(env, { activities: cluster.activities }, async ({ taskQueue }) => {
      const governor = await client.workflow.start('governor', {
        taskQueue,
        workflowId: governorWorkflowId(name),
        args: [{ cluster: name }],
      });
      await governor.signal('configure', { ...defaultGovernorPolicy, coolDownMs: 100, ...policy });
      const heal = (workload = 'web', input: Partial<HealInput> = {}) => {
        const target: Target = {
          ...{ cluster: name, kind: 'Deployment', namespace: 'shop', name: workload },
        };
        const seenAt = new Date().toISOString();
        const observations = [{ object: 'x', state: 'broken' as const, message: '', seenAt }];
        return client.workflow.start('heal', {
          taskQueue,
          workflowId: healWorkflowId(target, 'crash-loop'),
          args: [{ incident: { target, symptom: 'crash-loop', observations }, ...input }],
        }) as Promise<Handle>;
      };
      try {
        return await test({ governor, heal, state: () => governor.query<GovernorState>('state') });
      } finally {
        await governor.terminate();
      }
    });
  }

  async function until(handle: Handle, reached: (record: ProcedureRecord) => boolean) {
    for (let turn = 0; turn < 600; turn += 1) {
      const record = await handle.query<ProcedureRecord>('ledger');
      if (reached(record)) return record;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`never reached: ${JSON.stringify(await handle.query('ledger'), null, 2)}`);
  }

  const blockedBy = (handle: Handle, gate: string) =>
    until(handle, (record) => record.blockedBy?.gate === gate);

  test('spent attempts become a page, and then a wait, never a loop', () =>
    governed({ attemptsPerHour: 1, coolDownMs: 0 }, async ({ heal }) => {
      expect(await (await heal()).result()).toMatchObject({ outcome: 'healed' });
      const paged = await (await heal()).result();
      expect(paged).toMatchObject({
        outcome: 'escalated',
        evidence: [{ name: 'start' }, { name: 'end' }],
      });
      expect(paged.reason).toContain('1 procedures dealt with the target within an hour');
      const waiting = await heal();
      const { blockedBy: gate } = await blockedBy(waiting, 'attempts-spent');
      expect(gate).toMatchObject({ until: expect.any(String) });
      expect(cluster.effects).toEqual(['rollback']);
      await waiting.terminate();
    }));

  test('where nobody can see how things are, nothing is done, and it is looked again', () =>
    governed({}, async ({ heal }) => {
      const { surroundings } = cluster;
      cluster.surroundings = () => {
        throw new Error('the API server is away');
      };
      const handle = await heal();
      const record = await blockedBy(handle, 'unsurveyed');
      expect(record.blockedBy?.reason).toContain('the API server is away');
      expect(cluster.effects).toEqual([]);
      cluster.surroundings = surroundings;
      await env.sleep('20s');
      expect(await handle.result()).toMatchObject({ outcome: 'healed' });
    }));

  test('where too much is unhealthy only a person lets it go on', () =>
    governed({}, async ({ heal, governor }) => {
      cluster.surroundings = () => ({
        takenAt: new Date().toISOString(),
        shares: [{ scope: 'workloads', unhealthy: 9, total: 10 }],
      });
      const handle = await heal();
      await blockedBy(handle, 'unhealthy-share');
      for (const payload of [{}, { by: 'ann' }, { by: 'ann', reason: 'x', scope: 'moon' }]) {
        await governor.signal('override', payload);
        await expect(governor.executeUpdate('override', { args: [payload] })).rejects.toMatchObject(
          {
            cause: { message: expect.stringContaining('override: field') },
          },
        );
      }
      expect(cluster.effects).toEqual([]);
      await governor.executeUpdate('override', { args: [{ by: 'ann', reason: 'I watch it' }] });
      expect(await handle.result()).toMatchObject({ outcome: 'healed' });
      await governor.executeUpdate('enforce', { args: [{ by: 'ann' }] });
      const next = await heal('api');
      await blockedBy(next, 'unhealthy-share');
      await next.terminate();
    }));

  test('after a halt work is released one by one, in the order of asking', () =>
    governed({ startBurst: 1, startsPerMinute: 30 }, async ({ heal, governor, state }) => {
      await governor.executeUpdate('halt', { args: [{ by: 'ann', reason: 'trial' }] });
      const handles = [];
      for (const name of ['a', 'b', 'c']) {
        handles.push(await heal(name));
        await blockedBy(handles.at(-1)!, 'halted');
      }
      await governor.executeUpdate('resume', { args: [{ by: 'ann' }] });
      await blockedBy(handles[2]!, 'rate-limited');
      const { waiting } = await state();
      expect(Object.values(waiting).map(({ told }) => told?.gate)).not.toContain('halted');
      await env.sleep('10s');
      const records = await Promise.all(handles.map((handle) => handle.result()));
      const begun = records.map(({ milestones }) => Date.parse(milestones.actedAt!));
      expect(records.map(({ outcome }) => outcome)).toEqual(['healed', 'healed', 'healed']);
      expect(begun).toEqual([...begun].sort((one, other) => one - other));
    }));

  test('a dry run needs no lease, even under a halt', () =>
    governed({}, async ({ heal, governor }) => {
      await governor.executeUpdate('halt', { args: [{ by: 'ann', reason: 'trial' }] });
      expect(await (await heal('web', { dryRun: true })).result()).toMatchObject({
        outcome: 'completed',
        reason: 'would take the rung undo-rollout',
      });
    }));

  test('outside a window nothing begins; with another configuration it does', () =>
    governed(
      {
        windows: [
          {
            ...{ name: 'new-year', kind: 'allow', cron: '0 0 1 1 *', timeZone: 'UTC' },
            ...{ durationMs: 1_000, namespaces: [] },
          },
        ],
      },
      async ({ heal, governor }) => {
        const handle = await heal();
        const record = await blockedBy(handle, 'outside-window');
        expect(record.blockedBy?.until).toMatch(/-01-01T00:00:00\.000Z$/);
        await governor.signal('configure', { ...defaultGovernorPolicy, windows: [{ cron: 'x' }] });
        await blockedBy(handle, 'outside-window');
        await governor.signal('configure', defaultGovernorPolicy);
        expect(await handle.result()).toMatchObject({ outcome: 'healed' });
      },
    ));

  test('a veto while acting takes the action back', async () => {
    const act = cluster.activities.makeChange;
    let acted = () => {};
    let goOn = () => {};
    const acting = new Promise<void>((resolve) => {
      acted = resolve;
    });
    cluster.activities.makeChange = async (change) => {
      const result = await act(change);
      acted();
      await new Promise<void>((resolve) => {
        goOn = resolve;
      });
      return result;
    };
    await governed({}, async ({ heal }) => {
      const handle = await heal();
      await acting;
      await handle.executeUpdate('abort', { args: [{ by: 'ann', reason: 'veto' }] });
      goOn();
      expect(await handle.result()).toMatchObject({
        outcome: 'aborted',
        reason: 'ann aborted it: veto',
        ledger: expect.arrayContaining([
          expect.objectContaining({
            name: 'undo-rollout',
            undo: expect.objectContaining({ state: 'done' }),
          }),
        ]),
      });
      expect(cluster.effects).toEqual(['rollback', 'undo rollback']);
    });
  });

  test('a procedure that lost its lease says so, and does nothing until it has it again', () =>
    governed({}, async ({ heal, governor, state }) => {
      cluster.diagnosis = badRelease({ protected: true });
      const handle = await heal();
      const waiting = await until(handle, ({ phase }) => phase === 'waiting-approval');
      const { workflowId } = handle;
      // As if it had been dead for longer than its lease lasts, and its target cools down.
      await governor.signal('release', { workflowId, acted: true, failed: false });
      await handle.signal('granted', { until: new Date(Date.now() - 1_000).toISOString() });
      await governor.executeUpdate('halt', { args: [{ by: 'ann', reason: 'trial' }] });
      await handle.executeUpdate('approve', { args: [{ by: 'ann' }] });
      await blockedBy(handle, 'lease-lost');
      expect(cluster.effects).toEqual([]);
      expect((await state()).leases).toEqual({});
      await governor.executeUpdate('resume', { args: [{ by: 'ann' }] });
      // As it does itself once a minute.
      await governor.signal('request', { workflowId, target: waiting.target });
      expect(await handle.result()).toMatchObject({ outcome: 'healed' });
      expect(cluster.effects).toEqual(['rollback']);
    }));
});
