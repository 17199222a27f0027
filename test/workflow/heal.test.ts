import { randomUUID } from 'node:crypto';
import { Client, type WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { defaultGovernorPolicy } from '../../src/model/governor/policy';
import type { HealInput, Observation } from '../../src/model/incident';
import type { ProcedureRecord } from '../../src/model/procedure';
import { governorWorkflowId, healWorkflowId, type Target } from '../../src/model/target';
import {
  badRelease,
  brokeLater,
  done,
  FakeCluster,
  failing,
  healthy,
  planned,
} from '../support/fake-cluster';
import { describeWorkflow, runWithWorker, startTimeSkipping } from '../support/time-skipping';

const observation = (state: Observation['state'] = 'broken'): Observation => ({
  object: 'Pod/shop/web-x',
  state,
  message: 'back-off restarting',
  seenAt: new Date().toISOString(),
});

type Handle = WorkflowHandle<() => Promise<ProcedureRecord>>;

describeWorkflow('heal', () => {
  let env: TestWorkflowEnvironment;
  let client: Client;
  let cluster: FakeCluster;
  beforeAll(async () => {
    env = await startTimeSkipping();
    // Unlike the environment's own client, this one leaves the clock alone while it waits for a
    // result; else the governor, which never ends, would run into the end of time.
    client = new Client({ connection: env.connection });
  });
  afterAll(() => env?.teardown());
  beforeEach(() => {
    cluster = new FakeCluster();
  });

  interface Running {
    target: Target;
    taskQueue: string;
    start(input?: Partial<HealInput>, symptom?: string): Promise<Handle>;
    governor: WorkflowHandle;
  }

  /** A governor and a worker of their own for every test. */
  function running<T>(test: (context: Running) => Promise<T>): Promise<T> {
    const name = randomUUID().slice(0, 8);
    const target: Target = { cluster: name, kind: 'Deployment', namespace: 'shop', name: 'web' };
    return runWithWorker(env, { activities: cluster.activities }, async ({ taskQueue }) => {
      const governor = await client.workflow.start('governor', {
        taskQueue,
        workflowId: governorWorkflowId(name),
        args: [{ cluster: name }],
      });
      // Tests break one target more than once, and need not wait for it to cool down.
      await governor.signal('configure', { ...defaultGovernorPolicy, coolDownMs: 100 });
      const start = (input: Partial<HealInput> = {}, symptom = 'crash-loop') =>
        client.workflow.start('heal', {
          taskQueue,
          workflowId: healWorkflowId(input.incident?.target ?? target, symptom),
          args: [{ incident: { target, symptom, observations: [observation()] }, ...input }],
        }) as Promise<Handle>;
      try {
        return await test({ target, taskQueue, start, governor });
      } finally {
        await governor.terminate();
      }
    });
  }

  const recordOf = (handle: Handle) => handle.query<ProcedureRecord>('ledger');

  async function until(handle: Handle, reached: (record: ProcedureRecord) => boolean) {
    for (let turn = 0; turn < 200; turn += 1) {
      const record = await recordOf(handle);
      if (reached(record)) return record;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`never reached: ${JSON.stringify(await recordOf(handle), null, 2)}`);
  }

  const labels = ({ evidence }: ProcedureRecord) => evidence.map(({ name }) => name);

  const waitingForApproval = (record: ProcedureRecord) => record.phase === 'waiting-approval';

  test('undoes a bad release, verifies it, and keeps a complete ledger', () =>
    running(async ({ start }) => {
      const record = await (await start()).result();
      expect(record).toMatchObject({ outcome: 'healed', phase: 'done' });
      expect(record.ledger.map(({ name, state }) => [name, state])).toEqual([
        ['observe', 'done'],
        ['undo-rollout', 'done'],
        ['verify', 'done'],
      ]);
      expect(record.ledger[1]).toMatchObject({
        changed: 'roll web back to web-1',
        undo: { summary: 'roll web forward to web-2', state: 'recorded' },
      });
      expect(record.milestones).toMatchObject({
        seenAt: expect.any(String),
        actedAt: expect.any(String),
        healthyAt: expect.any(String),
        verifiedAt: expect.any(String),
      });
      expect(labels(record)).toEqual(['start', 'undo-rollout', 'end']);
      expect(record.ledger[1]!.evidence).toMatchObject([{ name: 'undo-rollout' }]);
      expect(cluster.effects).toEqual(['rollback']);
    }));

  test('climbs the ladder, and puts everything back last first when nothing helps', () =>
    running(async ({ start }) => {
      cluster.diagnosis = brokeLater();
      cluster.verifications = [failing()];
      const record = await (await start()).result();
      expect(record.outcome).toBe('escalated');
      expect(record.reason).toContain('restart, undo-rollout did not help');
      expect(cluster.effects).toEqual(['restart', 'rollback', 'undo rollback', 'undo restart']);
      expect(record.ledger.filter(({ undo }) => undo).map(({ undo }) => undo!.state)).toEqual([
        'done',
        'done',
      ]);
      expect(labels(record)).toEqual([
        'start',
        ...['restart', 'restart-unhealthy', 'undo-rollout', 'undo-rollout-unhealthy'],
        'end',
      ]);
    }));

  test('waits before a change for what it would destroy, and not for metrics', async () => {
    const order: string[] = [];
    const { snapshot } = cluster.activities;
    cluster.activities.snapshot = async (input) => {
      await new Promise((resolve) => setTimeout(resolve, 200));
      order.push(input.label);
      return snapshot(input);
    };
    let metricsMayCome = () => {};
    const metrics = new Promise<void>((resolve) => {
      metricsMayCome = resolve;
    });
    cluster.activities.snapshotMetrics = async ({ label }) => {
      if (label === 'start') await metrics;
      return [{ name: `metrics ${label}`, uri: `${label}/metrics.json`, digest: '', bytes: 1 }];
    };
    cluster.onChange = () => {
      order.push('change');
      metricsMayCome();
      return done('changed');
    };
    await running(async ({ start }) => {
      const record = await (await start()).result();
      expect(record.outcome).toBe('healed');
      expect(order).toEqual(['start', 'change', 'undo-rollout', 'end']);
      expect(labels(record)).toContain('metrics start');
    });
  });

  test('goes on without evidence and metrics, and says so', async () => {
    cluster.activities.snapshot = async () => {
      throw ApplicationFailure.nonRetryable('the store is away');
    };
    cluster.activities.snapshotMetrics = async () => {
      throw ApplicationFailure.nonRetryable('Prometheus is away');
    };
    await running(async ({ start }) => {
      const record = await (await start()).result();
      expect(record).toMatchObject({ outcome: 'healed', evidence: [] });
      const texts = record.notes.map(({ text }) => text);
      expect(texts).toContain('no evidence (start): the store is away');
      expect(texts).toContain('no metrics (end): Prometheus is away');
    });
  });

  test('keeps the failure of an undo, goes on with the others, and escalates', () =>
    running(async ({ start }) => {
      cluster.diagnosis = brokeLater();
      cluster.verifications = [failing()];
      cluster.onRevert = (change) => {
        if (change.kind === 'rollback') throw ApplicationFailure.nonRetryable('forbidden');
        return done('changed');
      };
      const record = await (await start()).result();
      expect(record.outcome).toBe('escalated');
      expect(record.reason).toContain('roll web forward to web-2: forbidden');
      expect(cluster.effects).toEqual(['restart', 'rollback', 'undo rollback', 'undo restart']);
    }));

  test('goes on with the next rung where one declines, and escalates where all do', () =>
    running(async ({ start }) => {
      cluster.onPlan = (request) =>
        request.kind === 'rollback' ? { declined: 'the revision is gone' } : planned(request);
      cluster.diagnosis = brokeLater({ rolledOutAt: '2026-01-01T23:59:00Z' });
      const record = await (await start()).result();
      expect(record).toMatchObject({ outcome: 'healed' });
      expect(cluster.effects).toEqual(['restart']);
      expect(record.ledger.find(({ declined }) => declined)).toMatchObject({
        name: 'undo-rollout',
        state: 'skipped',
        reason: 'the revision is gone',
      });
      cluster.onPlan = () => ({ declined: 'not now' });
      expect(await (await start()).result()).toMatchObject({
        outcome: 'escalated',
        reason: expect.stringContaining('no rung applies'),
      });
      expect(cluster.effects).toEqual(['restart']);
    }));

  test('takes back what was to last for a while only, though it healed', () =>
    running(async ({ start }) => {
      cluster.onPlan = (request) => ({ ...planned(request), temporary: true });
      const record = await (await start()).result();
      expect(record).toMatchObject({ outcome: 'healed' });
      expect(cluster.effects).toEqual(['rollback', 'undo rollback']);
      expect(record.ledger.find(({ undo }) => undo)?.undo).toMatchObject({ state: 'done' });
    }));

  test('escalates where what was to last for a while cannot be taken back', () =>
    running(async ({ start }) => {
      cluster.onPlan = (request) => ({ ...planned(request), temporary: true });
      cluster.onRevert = () => {
        throw ApplicationFailure.nonRetryable('the node is gone', 'refused');
      };
      expect(await (await start()).result()).toMatchObject({
        outcome: 'escalated',
        reason: expect.stringContaining('needs a person'),
      });
    }));

  test('does no harm where no revision was ever good', () =>
    running(async ({ start }) => {
      cluster.diagnosis = badRelease({ revisions: badRelease().revisions.slice(0, 1) });
      const record = await (await start()).result();
      expect(record).toMatchObject({ outcome: 'escalated', evidence: [{}, {}] });
      expect(record.reason).toContain('no rung applies');
      expect(cluster.effects).toEqual([]);
    }));

  test('touches nothing that proves healthy', () =>
    running(async ({ start }) => {
      cluster.diagnosis = badRelease({ health: { state: 'healthy', why: 'all available' } });
      const record = await (await start()).result();
      expect(record.outcome).toBe('already-healthy');
      expect(cluster.effects).toEqual([]);
    }));

  test('notices that somebody else has changed the target in between', () =>
    running(async ({ start }) => {
      cluster.onChange = () => done('superseded', 'kubectl-edit changed it');
      const record = await (await start()).result();
      expect(record.outcome).toBe('already-healthy');
      expect(record.notes).toMatchObject([{ text: 'kubectl-edit changed it' }]);
      expect(record.ledger[1]).toMatchObject({
        state: 'skipped',
        undo: { state: 'not-needed' },
      });
    }));

  test('leaves alone what is marked, and what is gone', () =>
    running(async ({ start }) => {
      cluster.diagnosis = badRelease({ ignored: true });
      expect(await (await start()).result()).toMatchObject({ outcome: 'aborted' });
      cluster.diagnosis = badRelease({ exists: false });
      expect(await (await start()).result()).toMatchObject({ outcome: 'already-healthy' });
      expect(cluster.effects).toEqual([]);
    }));

  test('asks before it touches a protected target, and acts once it is approved', () =>
    running(async ({ start }) => {
      cluster.diagnosis = badRelease({ protected: true });
      const handle = await start();
      const waiting = await until(handle, waitingForApproval);
      expect(cluster.effects).toEqual([]);
      expect(waiting.approvals).toMatchObject([{ state: 'waiting', digest: 'digest-rollback' }]);
      await expect(
        handle.executeUpdate('approve', { args: [{ by: 'ann', digest: 'another' }] }),
      ).rejects.toMatchObject({ cause: { message: expect.stringContaining('digest-rollback') } });
      await handle.executeUpdate('approve', { args: [{ by: 'ann' }] });
      const record = await handle.result();
      expect(record.outcome).toBe('healed');
      expect(record.approvals).toMatchObject([{ state: 'approved', by: 'ann' }]);
    }));

  test('stops when it is denied, or when nobody answers in time', () =>
    running(async ({ start }) => {
      cluster.diagnosis = badRelease({ protected: true });
      const handle = await start();
      await until(handle, waitingForApproval);
      await handle.signal('deny', { by: 'bob', reason: 'not today' });
      expect(await handle.result()).toMatchObject({
        outcome: 'denied',
        reason: 'bob denied it: not today',
      });
      const unanswered = await start({ settings: { approvalTimeoutMs: 2_000 } });
      await until(unanswered, waitingForApproval);
      const silent = await unanswered.result();
      expect(silent).toMatchObject({ outcome: 'escalated', approvals: [{ state: 'timed-out' }] });
      expect(cluster.effects).toEqual([]);
    }));

  test('goes on without an approval once the target has recovered', () =>
    running(async ({ start }) => {
      cluster.diagnosis = badRelease({ protected: true });
      const handle = await start();
      await until(handle, waitingForApproval);
      cluster.diagnosis = badRelease({ health: { state: 'healthy', why: 'all available' } });
      await handle.signal('observed', { evidence: observation('recovered') });
      expect(await handle.result()).toMatchObject({ outcome: 'already-healthy' });
      expect(cluster.effects).toEqual([]);
    }));

  test('a malformed signal changes nothing and stands in the record; a malformed update is refused', () =>
    running(async ({ start }) => {
      cluster.diagnosis = badRelease({ protected: true });
      const handle = await start();
      await until(handle, waitingForApproval);
      await handle.signal('approve', {});
      await handle.signal('approve', { by: '' });
      await handle.signal('approve', 'yes');
      for (const payload of [{}, { by: ' ' }, 'yes', { by: 7 }]) {
        await expect(handle.executeUpdate('approve', { args: [payload] })).rejects.toMatchObject({
          cause: { message: expect.stringContaining('you@example.org') },
        });
      }
      const record = await recordOf(handle);
      expect(record.approvals[0]!.state).toBe('waiting');
      expect(record.notes.map(({ text }) => text)).toEqual([
        expect.stringContaining('field "by" is missing'),
        expect.stringContaining('field "by" is ""'),
        expect.stringContaining('payload "yes"'),
      ]);
      expect(cluster.effects).toEqual([]);
      await handle.terminate();
    }));

  test('an abort while verifying puts everything back', () =>
    running(async ({ start }) => {
      let release = () => {};
      cluster.whileVerifying = () =>
        new Promise((resolve) => {
          release = resolve;
        });
      const handle = await start();
      await until(handle, ({ phase }) => phase === 'verifying');
      await handle.executeUpdate('abort', { args: [{ by: 'ann', reason: 'wrong one' }] });
      const record = await handle.result();
      release();
      expect(record).toMatchObject({
        outcome: 'aborted',
        reason: 'ann aborted it: wrong one',
      });
      expect(cluster.effects).toEqual(['rollback', 'undo rollback']);
    }));

  test('a cancellation puts everything back, and stays a cancellation', () =>
    running(async ({ start }) => {
      let release = () => {};
      cluster.whileVerifying = () =>
        new Promise((resolve) => {
          release = resolve;
        });
      const handle = await start();
      await until(handle, ({ phase }) => phase === 'verifying');
      await handle.cancel();
      await expect(handle.result()).rejects.toThrow('Workflow execution cancelled');
      release();
      expect((await handle.describe()).status.name).toBe('CANCELLED');
      expect(cluster.effects).toEqual(['rollback', 'undo rollback']);
    }));

  test('pauses before the next step, says so, and resumes', () =>
    running(async ({ start, governor }) => {
      await governor.executeUpdate('halt', { args: [{ by: 'ann', reason: 'rehearsal' }] });
      const handle = await start();
      const halted = await until(handle, ({ blockedBy }) => blockedBy !== undefined);
      expect(halted.blockedBy).toMatchObject({ gate: 'halted' });
      await handle.executeUpdate('pause', { args: [{ by: 'bob' }] });
      await until(handle, ({ blockedBy }) => blockedBy?.gate === 'paused');
      await governor.executeUpdate('resume', { args: [{ by: 'ann' }] });
      expect(cluster.effects).toEqual([]);
      await handle.executeUpdate('resume', { args: [{ by: 'bob' }] });
      const record = await handle.result();
      expect(record.outcome).toBe('healed');
      expect(record.blockedBy).toBeUndefined();
    }));

  test('a halt holds even when the target is said to have recovered and has not', () =>
    running(async ({ start, governor }) => {
      await governor.executeUpdate('halt', { args: [{ by: 'ann', reason: 'rehearsal' }] });
      const handle = await start();
      await until(handle, ({ blockedBy }) => blockedBy?.gate === 'halted');
      await handle.signal('observed', { evidence: observation('recovered') });
      await until(
        handle,
        ({ ledger }) => ledger.filter(({ state }) => state === 'done').length > 1,
      );
      await until(handle, ({ blockedBy }) => blockedBy?.gate === 'halted');
      expect(cluster.effects).toEqual([]);
      await governor.executeUpdate('resume', { args: [{ by: 'ann' }] });
      expect(await handle.result()).toMatchObject({ outcome: 'healed' });
      expect(cluster.effects).toEqual(['rollback']);
    }));

  test('an approval during a halt acts only after the halt', () =>
    running(async ({ start, governor }) => {
      cluster.diagnosis = badRelease({ protected: true });
      const handle = await start();
      await until(handle, waitingForApproval);
      await governor.executeUpdate('halt', { args: [{ by: 'ann', reason: 'rehearsal' }] });
      await handle.executeUpdate('approve', { args: [{ by: 'bob' }] });
      await until(handle, ({ blockedBy }) => blockedBy?.gate === 'halted');
      expect(cluster.effects).toEqual([]);
      await governor.executeUpdate('resume', { args: [{ by: 'ann' }] });
      expect(await handle.result()).toMatchObject({ outcome: 'healed' });
    }));

  test('two procedures never act on one target at a time', () =>
    running(async ({ start }) => {
      let release = () => {};
      cluster.whileVerifying = () =>
        new Promise((resolve) => {
          release = resolve;
        });
      const first = await start();
      await until(first, ({ phase }) => phase === 'verifying');
      const second = await start({}, 'rollout-stuck');
      const blocked = await until(second, ({ blockedBy }) => blockedBy !== undefined);
      expect(blocked.blockedBy).toMatchObject({
        gate: 'locked',
        reason: expect.stringContaining(first.workflowId),
      });
      cluster.whileVerifying = async () => undefined;
      cluster.diagnosis = badRelease({ health: { state: 'healthy', why: 'all available' } });
      release();
      expect(await first.result()).toMatchObject({ outcome: 'healed' });
      expect(await second.result()).toMatchObject({ outcome: 'already-healthy' });
      expect(cluster.effects).toEqual(['rollback']);
    }));

  test('waits for what may come right by itself before it acts', () =>
    running(async ({ start }) => {
      cluster.diagnosis = badRelease({
        health: { state: 'pending', why: 'starting' },
        rolledOutAt: new Date(Date.now() + 86_400_000).toISOString(),
      });
      cluster.verifications = [failing('it never started'), healthy()];
      const record = await (await start()).result();
      expect(record.ledger.map(({ name }) => name)).toEqual([
        'observe',
        'verify',
        'observe',
        'undo-rollout',
        'verify',
      ]);
      expect(record.outcome).toBe('healed');
    }));

  test('a dry run says what would be done, and does nothing', () =>
    running(async ({ start }) => {
      const record = await (await start({ dryRun: true })).result();
      expect(record).toMatchObject({
        outcome: 'completed',
        ledger: [{}, { name: 'undo-rollout', state: 'skipped', changed: expect.any(String) }],
      });
      expect(cluster.effects).toEqual([]);
    }));

  test('malformed signals stop neither a procedure nor the governor', () =>
    running(async ({ start, governor }) => {
      cluster.diagnosis = badRelease({ protected: true });
      const handle = await start();
      await until(handle, waitingForApproval);
      for (const name of ['observed', 'refused']) {
        await handle.signal(name);
        await handle.signal(name, 'nonsense');
      }
      for (const name of ['request', 'release', 'configure', 'halt', 'resume']) {
        await governor.signal(name);
        await governor.signal(name, { workflowId: 7 });
      }
      expect(await governor.query('state')).toMatchObject({ waiting: {} });
      await handle.signal('approve', { by: 'ann' });
      expect(await handle.result()).toMatchObject({ outcome: 'healed' });
    }));

  test.each([
    ['nothing', undefined, 'incident.target missing'],
    ['no target', { incident: { symptom: 'crash-loop', observations: [] } }, 'incident.target'],
    [
      'no observations',
      { incident: { target: { cluster: 'c', kind: 'Deployment', name: 'web' } } },
      'incident.observations missing',
    ],
  ])('an input with %s is refused', (name, input, message) =>
    running(async ({ taskQueue }) => {
      const handle = await client.workflow.start('heal', {
        taskQueue,
        workflowId: `bad-input-${name}-${taskQueue}`,
        args: input === undefined ? [] : [input],
      });
      await expect(handle.result()).rejects.toMatchObject({
        cause: { message: expect.stringContaining(message) },
      });
    }),
  );

  test('an unknown symptom is refused', () =>
    running(async ({ start }) => {
      const handle = await start({}, 'gremlins');
      await expect(handle.result()).rejects.toMatchObject({
        cause: { message: expect.stringMatching(/"gremlins"; known are .*crash-loop/) },
      });
    }));
});
