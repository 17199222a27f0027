import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { describeWorkflow, runWithWorker, startTimeSkipping } from '../support/time-skipping';

describeWorkflow('the time-skipping server', () => {
  let env: TestWorkflowEnvironment;
  beforeAll(async () => {
    env = await startTimeSkipping();
  });
  afterAll(() => env?.teardown());

  it('jumps over a month in a moment, with our search attributes', async () => {
    const workflowsPath = require.resolve('./fixtures/month.ts');
    const started = Date.now();
    const slept = await runWithWorker(env, { activities: {}, workflowsPath }, ({ taskQueue }) =>
      env.client.workflow.execute('month', { taskQueue, workflowId: 'month' }),
    );
    expect(slept).toBeGreaterThanOrEqual(30 * 24 * 3_600_000);
    expect(Date.now() - started).toBeLessThan(30_000);
  });
});
