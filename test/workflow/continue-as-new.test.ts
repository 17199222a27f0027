import type { WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { GovernorState } from '../../src/model/governor/state';
import type { HealInput } from '../../src/model/incident';
import type { ProcedureRecord } from '../../src/model/procedure';
import { governorWorkflowId, healWorkflowId } from '../../src/model/target';
import { startDevServer } from '../support/dev-server';
import { badRelease, FakeCluster } from '../support/fake-cluster';
import { runWithWorker } from '../support/time-skipping';

/** A server that suggests to continue as new after some hundreds of events, where a usual one waits for thousands. */
const soon = ['--dynamic-config-value', 'limit.historyCount.suggestContinueAsNew=200'];

const target = { cluster: 'long', kind: 'Deployment', namespace: 'shop', name: 'web' };

/**
 * Without a cache each query replays the run, and may be answered from a task that is not finished,
 * whose times are not the final ones; the SDK then also reports a bug of its own.
 */
const isCached = process.env.HOMEOSTAT_TEST_CACHED_WORKFLOWS !== '0';
const describeCached = isCached ? describe : describe.skip;

describeCached(
  'histories that grow (skipped without a cache: queries show unfinished tasks)',
  () => {
    let env: TestWorkflowEnvironment;
    beforeAll(async () => {
      env = await startDevServer(undefined, soon);
    });
    afterAll(() => env?.teardown());

    test('governor and procedure continue as new under a stream of signals, and lose nothing', async () => {
      const cluster = new FakeCluster();
      cluster.diagnosis = badRelease({ protected: true });
      await runWithWorker(env, { activities: cluster.activities }, async ({ taskQueue }) => {
        const { workflow } = env.client;
        const governor = await workflow.start('governor', {
          taskQueue,
          workflowId: governorWorkflowId('long'),
          args: [{ cluster: 'long' }],
        });
        const workflowId = healWorkflowId(target, 'crash-loop');
        const started = await workflow.start('heal', { taskQueue, workflowId, args: [input()] });
        const handle: WorkflowHandle<() => Promise<ProcedureRecord>> =
          workflow.getHandle(workflowId);
        const asked = await waitingApproval(handle);

        const latest = workflow.getHandle(governor.workflowId);
        await Promise.all([
          grow(handle, started.firstExecutionRunId, (text) =>
            handle.signal('note', { by: 'ann', text }),
          ),
          grow(latest, governor.firstExecutionRunId, (name) =>
            latest.signal('request', { workflowId: name, target: { ...target, name } }),
          ),
        ]);

        expect(await waitingApproval(handle)).toEqual(asked);
        const { notes } = await handle.query<ProcedureRecord>('ledger');
        // Only the latest hundred notes are kept, and none of these is missing.
        const told = notes.filter(({ by }) => by === 'ann').map(({ text }) => Number(text));
        expect(told).toEqual(told.map((_, index) => told[0]! + index));
        expect(told.length).toBeGreaterThan(50);
        const state = await latest.query<GovernorState>('state');
        expect(Object.values(state.leases)).toContainEqual(expect.objectContaining({ workflowId }));

        await handle.executeUpdate('approve', { args: [{ by: 'ann' }] });
        expect(await handle.result()).toMatchObject({ outcome: 'healed' });
        expect(cluster.effects).toEqual(['rollback']);
        await latest.terminate();
      });
    });

    /** Sends numbered signals without a pause until another run goes on, and some more. */
    async function grow(
      handle: WorkflowHandle,
      firstRun: string,
      send: (number: string) => Promise<void>,
    ): Promise<void> {
      for (let number = 0; number < 3_000; number += 10) {
        for (let more = 0; more < 10; more += 1) await send(String(number + more));
        if ((await handle.describe()).runId !== firstRun) return;
      }
      throw new Error('it never continued as new');
    }
  },
);

function input(): HealInput {
  const seenAt = new Date().toISOString();
  const observations = [
    { object: 'Pod/shop/web-x', state: 'broken' as const, message: '', seenAt },
  ];
  return { incident: { target, symptom: 'crash-loop', observations } };
}

/** The approval that is waited for, once it is, as it stays over runs. */
async function waitingApproval(handle: WorkflowHandle) {
  for (let turn = 0; turn < 1_000; turn += 1) {
    const { phase, approvals } = await handle.query<ProcedureRecord>('ledger');
    const waiting = approvals.filter(({ state }) => state === 'waiting');
    if (phase === 'waiting-approval' && waiting.length === 1) return waiting[0];
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nothing waits: ${JSON.stringify(await handle.query('ledger'))}`);
}
