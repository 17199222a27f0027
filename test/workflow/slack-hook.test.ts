import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import fastify from 'fastify';
import pino from 'pino';
import { addSlackHook } from '../../src/client/gateway/slack/hook';
import type { Session } from '../../src/client/procedures/session';
import type { ProcedureRecord } from '../../src/model/procedure';
import { buttonValue } from '../../src/model/slack/press';
import { governorWorkflowId, healWorkflowId, type Target } from '../../src/model/target';
import { startDevServer } from '../support/dev-server';
import { badRelease, FakeCluster } from '../support/fake-cluster';
import { signedPress } from '../support/slack-press';
import { SlackServer } from '../support/slack-server';
import { runWithWorker } from '../support/time-skipping';

type Handle = WorkflowHandle<() => Promise<ProcedureRecord>>;

const secret = 'a-signing-secret';

/** Procedures that wait for an approval, and signed presses of their buttons over real HTTP bodies. */
describe('approvals in Slack', () => {
  let env: TestWorkflowEnvironment;
  let client: Client;
  let slack: SlackServer;
  beforeAll(async () => {
    env = await startDevServer();
    ({ client } = env);
    slack = await SlackServer.start();
  });
  afterAll(async () => {
    await slack?.stop();
    await env?.teardown();
  });

  interface Waiting {
    handle: Handle;
    /** The value of another button. */
    valueOf(change: { digest?: string; firstRunId?: string }): string;
    press(userId: string, more?: { action?: string; value?: string }): Promise<Answer>;
    record(): Promise<ProcedureRecord>;
    results: string[];
  }
  interface Answer {
    status: number;
    result: string;
    text: string;
  }

  async function waiting(test: (context: Waiting) => Promise<void>): Promise<void> {
    const name = randomUUID().slice(0, 8);
    const target: Target = { cluster: name, kind: 'Deployment', namespace: 'shop', name: 'web' };
    const taskQueue = `test-${name}`;
    const cluster = new FakeCluster();
    cluster.diagnosis = badRelease({ protected: true });
    const results: string[] = [];
    const app = fastify();
    await app.register(async (scope) =>
      addSlackHook(scope, {
        session: {
          config: { slack: { apiUrl: slack.apiUrl }, temporal: { taskQueue } },
          temporal: { client, connection: env.connection, namespace: 'default' },
        } as unknown as Session,
        settings: {
          channel: 'C123',
          users: {
            U1: { name: 'jane@example.org', roles: ['sre'] },
            U2: { name: 'joe@example.org', roles: ['other-team'] },
          },
          approvers: { sre: ['*'], 'other-team': ['other'] },
        },
        signingSecret: secret,
        count: (result) => void results.push(result),
        log: pino({ level: 'silent' }),
      }),
    );
    await runWithWorker(env, { activities: cluster.activities, taskQueue }, async () => {
      const governor = await client.workflow.start('governor', {
        taskQueue,
        workflowId: governorWorkflowId(name),
        args: [{ cluster: name }],
      });
      const handle = (await client.workflow.start('heal', {
        taskQueue,
        workflowId: healWorkflowId(target, 'crash-loop'),
        args: [{ incident: { target, symptom: 'crash-loop', observations: [] } }],
      })) as Handle & { firstExecutionRunId: string };
      const record = () => handle.query<ProcedureRecord>('ledger');
      while ((await record()).phase !== 'waiting-approval') await sleep(50);
      const [{ digest } = { digest: '' }] = (await record()).approvals;
      const { workflowId, firstExecutionRunId: firstRunId } = handle;
      const valueOf = (change: object) =>
        buttonValue({ workflowId, firstRunId, digest, ...change });
      const press: Waiting['press'] = async (userId, more = {}) => {
        const { responseUrl } = slack;
        const signed = signedPress({ secret, userId, value: valueOf({}), responseUrl, ...more });
        const response = await app.inject({
          method: 'POST',
          url: '/hooks/slack',
          payload: signed.body,
          headers: signed.headers,
        });
        const answer = response.json() as Omit<Answer, 'status'>;
        return { status: response.statusCode, ...answer };
      };
      try {
        await test({ handle, valueOf, press, record, results });
      } finally {
        await handle.terminate().catch(() => undefined);
        await governor.terminate();
        await app.close();
      }
    });
  }

  test('somebody with the role approves, and it is healed', () =>
    waiting(async ({ handle, press, results }) => {
      expect(await press('U1')).toMatchObject({ status: 200, result: 'approved' });
      const { outcome, approvals } = await handle.result();
      expect(outcome).toBe('healed');
      expect(approvals).toMatchObject([
        { state: 'approved', by: 'jane@example.org', comment: 'in Slack' },
      ]);
      expect(slack.answers.at(-1)).toMatchObject({
        text: 'You have approved it.',
        response_type: 'ephemeral',
      });
      expect(await press('U1')).toMatchObject({ status: 200, result: 'over' });
      expect(results).toEqual(['approved', 'over']);
    }));

  test('somebody with the role denies, and nothing is done', () =>
    waiting(async ({ handle, press }) => {
      expect(await press('U1', { action: 'deny' })).toMatchObject({ result: 'denied' });
      expect(await handle.result()).toMatchObject({
        outcome: 'denied',
        reason: 'jane@example.org denied it: denied in Slack',
      });
    }));

  test.each(['U2', 'U9'])('%s has no role here: refused, told so, and nothing changes', (userId) =>
    waiting(async ({ press, record, results }) => {
      for (const action of ['approve', 'deny'])
        expect(await press(userId, { action })).toMatchObject({
          status: 200,
          result: 'not-allowed',
          text: 'You may not decide this; those may: <@U1>.',
        });
      expect(slack.answers.at(-1)!.text).toContain('You may not decide this');
      expect((await record()).approvals).toMatchObject([{ state: 'waiting' }]);
      expect(results).toEqual(['not-allowed', 'not-allowed']);
    }),
  );

  test('a button of another plan, or of an earlier episode, decides nothing', () =>
    waiting(async ({ press, valueOf, record }) => {
      const otherPlan = valueOf({ digest: 'another' });
      expect(await press('U1', { value: otherPlan })).toMatchObject({ result: 'other-plan' });
      expect(await press('U1', { action: 'deny', value: otherPlan })).toMatchObject({
        result: 'other-plan',
      });
      const otherRun = valueOf({ firstRunId: randomUUID() });
      expect(['over', 'refused']).toContain((await press('U1', { value: otherRun })).result);
      expect((await record()).approvals).toMatchObject([{ state: 'waiting' }]);
    }));

  test('a procedure itself refuses to be denied by the digest of another plan', () =>
    waiting(async ({ handle, record }) => {
      const denial = { by: 'x', reason: 'y', digest: 'another' };
      await expect(handle.executeUpdate('deny', { args: [denial] })).rejects.toThrow(
        'Workflow Update failed',
      );
      await handle.signal('deny', denial);
      expect((await record()).approvals).toMatchObject([{ state: 'waiting' }]);
    }));
});
