import type { WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { GovernorState } from '../../src/model/governor';
import type { HealInput } from '../../src/model/incident';
import type { ProcedureRecord } from '../../src/model/procedure';
import { governorWorkflowId, healWorkflowId } from '../../src/model/target';
import { startDevServer } from '../support/dev-server';
import { badRelease, FakeCluster } from '../support/fake-cluster';
import { runWithWorker } from '../support/time-skipping';

/** A server that suggests to continue as new after some dozens of events, where a usual one waits for thousands. */
const soon = ['--dynamic-config-value', 'limit.historyCount.suggestContinueAsNew=60'];

describe('histories that grow', () => {
  let env: TestWorkflowEnvironment;
  beforeAll(async () => {
    env = await startDevServer(undefined, soon);
  });
  afterAll(() => env?.teardown());

  test('governor and procedure continue as new and lose nothing', async () => {
    const cluster = new FakeCluster();
    cluster.diagnosis = badRelease({ protected: true });
    const target = { cluster: 'long', kind: 'Deployment', namespace: 'shop', name: 'web' };
    await runWithWorker(env, { activities: cluster.activities }, async ({ taskQueue }) => {
      const { workflow } = env.client;
      const governor = await workflow.start('governor', {
        taskQueue,
        workflowId: governorWorkflowId('long'),
        args: [{ cluster: 'long' }],
      });
      const seenAt = new Date().toISOString();
      const input: HealInput = {
        incident: {
          target,
          symptom: 'crash-loop',
          observations: [{ object: 'Pod/shop/web-x', state: 'broken', message: '', seenAt }],
        },
      };
      const workflowId = healWorkflowId(target, 'crash-loop');
      const first = await workflow.start('heal', { taskQueue, workflowId, args: [input] });
      const handle: WorkflowHandle<() => Promise<ProcedureRecord>> = workflow.getHandle(workflowId);
      await until(async () => (await recordOf(handle)).phase === 'waiting-approval');
      const asked = (await recordOf(handle)).approvals[0]!;

      await grow(
        handle,
        () => handle.signal('note', { by: 'ann', text: 'still here' }),
        first.firstExecutionRunId,
      );
      await grow(
        governor,
        () => workflow.getHandle(governor.workflowId).signal('request', { workflowId, target }),
        governor.firstExecutionRunId,
      );

      await until(async () => (await recordOf(handle)).phase === 'waiting-approval');
      const waiting = (await recordOf(handle)).approvals.filter(({ state }) => state === 'waiting');
      expect(waiting).toEqual([asked]);
      const state = await workflow.getHandle(governor.workflowId).query<GovernorState>('state');
      expect(Object.values(state.leases)).toMatchObject([{ workflowId }]);

      await handle.executeUpdate('approve', { args: [{ by: 'ann' }] });
      const record = await handle.result();
      expect(record).toMatchObject({ outcome: 'healed', startedAt: expect.any(String) });
      expect(record.ledger[0]!.startedAt <= asked.requestedAt).toBe(true);
      expect(cluster.effects).toEqual(['rollback']);
      await workflow.getHandle(governor.workflowId).terminate();
    });
  });

  /** Adds events, and waits until another run goes on; a run can't end while more keep coming. */
  async function grow(
    { workflowId }: { workflowId: string },
    add: () => Promise<void>,
    firstRun: string,
  ): Promise<void> {
    for (let event = 0; event < 80; event += 1) await add();
    await until(async () => {
      return (await env.client.workflow.getHandle(workflowId).describe()).runId !== firstRun;
    });
  }
});

const recordOf = (handle: WorkflowHandle<() => Promise<ProcedureRecord>>) =>
  handle.query<ProcedureRecord>('ledger');

async function until(reached: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 400; turn += 1) {
    if (await reached()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('not reached');
}
