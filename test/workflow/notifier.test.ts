import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, type WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { createSlackActivities } from '../../src/activities/slack';
import { createNotifierActivities } from '../../src/activities/temporal';
import type { HealingSettings } from '../../src/model/incident';
import type { NotifierState } from '../../src/model/notifier';
import type { ProcedureRecord } from '../../src/model/procedure';
import { parseButton } from '../../src/model/slack/press';
import {
  governorWorkflowId,
  healWorkflowId,
  notifierWorkflowId,
  type Target,
} from '../../src/model/target';
import { badRelease, FakeCluster } from '../support/fake-cluster';
import { SlackServer } from '../support/slack-server';
import { describeWorkflow, runWithWorker, startTimeSkipping } from '../support/time-skipping';

type Handle = WorkflowHandle<() => Promise<ProcedureRecord>>;

describeWorkflow('notifier', () => {
  let env: TestWorkflowEnvironment;
  let client: Client;
  let slack: SlackServer;
  beforeAll(async () => {
    env = await startTimeSkipping();
    client = new Client({ connection: env.connection });
  });
  afterAll(() => env?.teardown());
  beforeEach(async () => {
    slack = await SlackServer.start();
  });
  afterEach(() => slack.stop());

  interface Running {
    start(settings?: Partial<HealingSettings>): Promise<Handle>;
    notifier: WorkflowHandle;
    cluster: FakeCluster;
  }

  /** A cluster of its own with a governor, and no notifier yet. */
  async function running(test: (context: Running) => Promise<void>): Promise<void> {
    const name = randomUUID().slice(0, 8);
    const target: Target = { cluster: name, kind: 'Deployment', namespace: 'shop', name: 'web' };
    const taskQueue = `test-${name}`;
    const cluster = new FakeCluster();
    const activities = {
      ...cluster.activities,
      ...createNotifierActivities({ client, taskQueue }),
      ...createSlackActivities({
        temporal: client,
        token: 'xoxb-test',
        apiUrl: slack.apiUrl,
        settings: {
          channel: 'C123',
          users: { U1: { name: 'jane@example.org', roles: ['sre'] } },
          approvers: { sre: ['*'] },
        },
        links: { namespace: 'default', temporalUi: 'http://temporal.example.org' },
        breaker: (work) => work(),
        pauseMs: 1,
      }),
    };
    await runWithWorker(env, { activities, taskQueue }, async () => {
      const governor = await client.workflow.start('governor', {
        taskQueue,
        workflowId: governorWorkflowId(name),
        args: [{ cluster: name }],
      });
      const notifier = client.workflow.getHandle(notifierWorkflowId(name));
      const start = (settings: Partial<HealingSettings> = {}) =>
        client.workflow.start('heal', {
          taskQueue,
          workflowId: healWorkflowId(target, 'crash-loop'),
          args: [
            {
              incident: { target, symptom: 'crash-loop', observations: [] },
              settings: { announce: true, ...settings },
            },
          ],
        }) as Promise<Handle>;
      try {
        await test({ start, notifier, cluster });
      } finally {
        await notifier.terminate().catch(() => undefined);
        await governor.terminate();
      }
    });
  }

  async function until(reached: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = Date.now() + 90_000;
    while (!(await reached())) {
      if (Date.now() > deadline)
        throw new Error(
          `not reached: ${String(reached)}\n${JSON.stringify(slack.messages, null, 1)}`,
        );
      await sleep(50);
    }
  }

  const rootText = () => JSON.stringify(slack.roots[0]?.blocks ?? []);
  const threadText = () =>
    slack
      .repliesTo(slack.roots[0]!.ts)
      .map(({ text }) => text)
      .join('\n');
  const quiet = (notifier: WorkflowHandle) => async () => {
    const { topics } = await notifier.query<NotifierState>('state');
    return Object.keys(topics).length === 0;
  };

  test('one thread an incident: asks, is edited, tells who approved, and ends with the outcome', () =>
    running(async ({ start, cluster, notifier }) => {
      cluster.diagnosis = badRelease({ protected: true });
      const handle = await start();
      await until(() => rootText().includes('"approve"'));
      expect(rootText()).toContain('roll web back to web-1');
      expect(rootText()).toContain('roll web forward to web-2');
      const { digest, firstRunId } = parseButton(slack.buttonOf(slack.roots[0]!, 'approve'))!;
      expect(firstRunId).toBe((await handle.describe()).runId);
      await handle.executeUpdate('approve', { args: [{ by: 'jane@example.org', digest }] });
      expect(await handle.result()).toMatchObject({ outcome: 'healed' });
      await until(quiet(notifier));
      expect(slack.roots).toHaveLength(1);
      expect(rootText()).toContain('*healed*');
      expect(rootText()).not.toContain('"approve"');
      for (const part of ['<@U1>', 'approved by jane@example.org', 'undo-rollout', '*healed*'])
        expect(threadText()).toContain(part);
      expect(slack.calls.every(({ token }) => token === 'xoxb-test')).toBe(true);
    }));

  test('while Slack is away a healing goes on as without; then the newest is told, once', () =>
    running(async ({ start, notifier }) => {
      slack.trouble(/./, { status: 500 });
      const handle = await start();
      expect(await handle.result()).toMatchObject({ outcome: 'healed' });
      expect(slack.messages).toEqual([]);
      slack.mend();
      await until(quiet(notifier));
      expect(slack.roots).toHaveLength(1);
      expect(slack.callsOf('chat.update')).toEqual([]);
      expect(rootText()).toContain('*healed*');
      expect(slack.repliesTo(slack.roots[0]!.ts)).toHaveLength(1);
    }));

  test('a post whose answer is lost is found again, not repeated', () =>
    running(async ({ start, notifier }) => {
      slack.trouble(/chat.postMessage/, 'lose', 3);
      await (await start()).result();
      await until(quiet(notifier));
      expect(slack.roots).toHaveLength(1);
      const told = slack
        .repliesTo(slack.roots[0]!.ts)
        .flatMap(({ metadata }) => metadata!.event_payload.news!.split(' '));
      expect(new Set(told).size).toBe(told.length);
      expect(told).toContain('ended');
    }));

  test('waits as long as Slack asks when it is told too much', () =>
    running(async ({ start, notifier }) => {
      slack.trouble(/chat.postMessage/, { status: 429, retryAfter: 2 }, 1);
      await (await start()).result();
      await until(quiet(notifier));
      const [refused, next] = slack.callsOf('chat.postMessage');
      expect(next!.at - refused!.at).toBeGreaterThanOrEqual(1_900);
      expect(slack.roots).toHaveLength(1);
    }));

  test('a thread that Slack will never take does not hold up the others', () =>
    running(async ({ start, notifier }) => {
      slack.trouble(/chat.postMessage/, { error: 'invalid_blocks' }, 1);
      await (await start()).result();
      await until(quiet(notifier));
      await notifier.signal('announce', {
        kind: 'alert',
        id: 'f1',
        name: 'Odd',
        state: 'firing',
        summary: 'odd',
        labels: '',
        why: '',
        startsAt: new Date().toISOString(),
      });
      await until(() => slack.roots.some(({ text }) => text.includes('alert Odd')));
    }));

  test('reminds the approvers, and then escalates', () =>
    running(async ({ start, cluster, notifier }) => {
      cluster.diagnosis = badRelease({ protected: true });
      const handle = await start({ approvalTimeoutMs: 6_000 });
      expect(await handle.result()).toMatchObject({ outcome: 'escalated' });
      await until(quiet(notifier));
      const keys = slack
        .repliesTo(slack.roots[0]!.ts)
        .flatMap(({ metadata }) => metadata!.event_payload.news!.split(' '));
      expect(keys).toEqual(['asked-0', 'reminded-0', 'decided-0', expect.any(String), 'ended']);
      expect(threadText()).toContain('*escalated*');
    }));

  test('a procedure that was terminated is told of once it is looked at', () =>
    running(async ({ start, cluster, notifier }) => {
      cluster.diagnosis = badRelease({ protected: true });
      const handle = await start();
      await until(() => rootText().includes('"approve"'));
      const { runId } = await handle.describe();
      await handle.terminate();
      await notifier.signal('announce', {
        kind: 'procedure',
        workflowId: handle.workflowId,
        runId,
        firstRunId: runId,
        urgent: false,
      });
      await until(quiet(notifier));
      expect(rootText()).toContain('terminated in Temporal');
      expect(rootText()).not.toContain('"approve"');
    }));

  test('ignores what is no announcement, and says so', () =>
    running(async ({ start, notifier }) => {
      await (await start()).result();
      await until(quiet(notifier));
      await notifier.signal('announce', { kind: 'procedure' });
      await notifier.signal('announce', null);
      expect((await notifier.query<NotifierState>('state')).topics).toEqual({});
      expect((await notifier.describe()).status.name).toBe('RUNNING');
    }));

  test('tells an alert that no runbook answers, and that it is resolved', () =>
    running(async ({ start, notifier }) => {
      await (await start()).result();
      const alert = {
        kind: 'alert',
        id: 'f2',
        name: 'Strange',
        state: 'firing',
        summary: 'x',
        labels: 'severity=page',
        why: 'no runbook',
        startsAt: new Date().toISOString(),
      };
      await notifier.signal('announce', alert);
      const isStrange = ({ text }: { text: string }) => text.includes('alert Strange');
      await until(() => slack.roots.some(isStrange));
      await notifier.signal('announce', { ...alert, state: 'resolved' });
      await until(() =>
        slack.roots.some((root) => isStrange(root) && root.text.includes('resolved')),
      );
      expect(slack.roots.filter(isStrange)).toHaveLength(1);
    }));
});
