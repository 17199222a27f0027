import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import fastify, { type FastifyInstance } from 'fastify';
import pino from 'pino';
import { loadConfig } from '../../src/client/config';
import { addSlackHook } from '../../src/client/gateway/slack/hook';
import { slackSettings } from '../../src/model/config';
import type { ProcedureRecord } from '../../src/model/procedure';
import { healWorkflowId } from '../../src/model/target';
import { describeLab, lab } from '../support/lab';
import { Parts } from '../support/parts';
import { signedPress } from '../support/slack-press';
import { SlackServer } from '../support/slack-server';
import { Workloads } from '../support/workloads';

const secret = 'a-signing-secret';
const token = 'xoxb-test';

/** From a broken workload to the end of its thread; only Slack's cloud is a double. */
describeLab('Slack', () => {
  let workloads: Workloads;
  let slack: SlackServer;
  let parts: Parts;
  let connection: Connection;
  let client: Client;
  let app: FastifyInstance;
  let hook: string;

  beforeAll(async () => {
    workloads = await new Workloads().create();
    slack = await SlackServer.start();
    parts = new Parts(`slack-${randomUUID().slice(0, 8)}`, {
      detector: { namespaces: [workloads.namespace] },
      healing: { soak: '2s', verifyTimeout: '120s' },
      governor: { coolDown: '1s' },
      slack: {
        channel: 'C123',
        apiUrl: slack.apiUrl,
        users: {
          U1: { name: 'jane@example.org', roles: ['owner'] },
          U2: { name: 'guest@example.org' },
        },
        approvers: { owner: [workloads.namespace] },
        reportUrl: 'https://homeostat.example.org/reports/{id}',
      },
    });
    connection = await Connection.connect({ address: lab().temporal.address });
    client = new Client({ connection, namespace: lab().temporal.namespace });
    app = fastify();
    const { config } = loadConfig({ file: parts.cliConfig() });
    await app.register(async (scope) =>
      addSlackHook(scope, {
        session: { config, temporal: { ...lab().temporal, client, connection, options: {} } },
        settings: slackSettings(config)!,
        signingSecret: secret,
        count: () => undefined,
        log: pino({ level: 'silent' }),
      }),
    );
    hook = `${await app.listen({ host: '127.0.0.1', port: 0 })}/hooks/slack`;
  });
  afterAll(async () => {
    for (const kind of ['governor', 'notifier'])
      await client?.workflow
        .getHandle(`${kind}:${parts.cluster}`)
        .terminate()
        .catch(() => undefined);
    await app?.close();
    await connection?.close();
    await parts?.end();
    await slack?.stop();
    await workloads?.remove();
  });

  async function press(userId: string, value: string): Promise<{ result: string }> {
    const { body, headers } = signedPress({
      secret,
      userId,
      value,
      responseUrl: slack.responseUrl,
    });
    const response = await fetch(hook, { method: 'POST', body, headers });
    return (await response.json()) as { result: string };
  }

  const button = () => slack.roots[0] && slack.buttonOf(slack.roots[0], 'approve');

  test('a protected workload breaks, a person with the role approves in the thread, and it is healed', async () => {
    const marker = path.join(parts.folder, 'killed');
    // Killed when Slack has the first message, and Temporal does not know yet.
    const CRASH_AT = JSON.stringify({ activity: 'tell', moment: 'after', marker });
    parts.worker({ HOMEOSTAT_SLACK_TOKEN: token, CRASH_AT });
    parts.detector();
    const annotations = { 'homeostat.dev/protected': 'true' };
    await workloads.deploy('StatefulSet', 'web', { annotations });
    await workloads.release('StatefulSet', 'web', 'crash');

    await workloads.until(async () => button() !== undefined);
    const asked = JSON.stringify(slack.roots[0]!.blocks);
    for (const part of ['*Seen:*', '*Plan:* ', '*Undo:* ', '<@U1>', 'the target is protected'])
      expect(asked).toContain(part);

    expect(await press('U2', button()!)).toMatchObject({ result: 'not-allowed' });
    expect(await press('U1', button()!)).toMatchObject({ result: 'approved' });
    const target = {
      cluster: parts.cluster,
      kind: 'StatefulSet',
      namespace: workloads.namespace,
      name: 'web',
    };
    const handle = client.workflow.getHandle<() => Promise<ProcedureRecord>>(
      healWorkflowId(target, 'crash-loop'),
    );
    expect(await handle.result()).toMatchObject({
      outcome: 'healed',
      approvals: [{ state: 'approved', by: 'jane@example.org' }],
    });
    expect(await workloads.behaviour('StatefulSet', 'web')).toBe('good');

    const replies = () => slack.repliesTo(slack.roots[0]!.ts).map(({ text }) => text);
    await workloads.until(async () => replies().some((text) => text.includes('*healed*')));
    expect(replies().join('\n')).toContain('approved by jane@example.org');
    expect(replies().at(-1)).toContain('https://homeostat.example.org/reports/');
    expect(button()).toBeUndefined();
    expect(slack.roots).toHaveLength(1);
    expect(existsSync(marker)).toBe(true);
    const told = slack
      .repliesTo(slack.roots[0]!.ts)
      .flatMap(({ metadata }) => metadata!.event_payload.news!.split(' '));
    expect(new Set(told).size).toBe(told.length);
    expect(slack.calls.every((call) => call.token === token)).toBe(true);
  });
});
