import fastify from 'fastify';
import pino from 'pino';
import { addSlackHook } from '../../../src/client/gateway/slack/hook';
import type { Session } from '../../../src/client/procedures/session';
import { buttonValue, judgePress, parseButton } from '../../../src/model/slack/press';
import { testGateway } from '../../support/gateway';
import { headersFor, signedPress } from '../../support/slack-press';
import { healed, record, settings, target, waiting } from './records';

const secret = 'a-signing-secret';
const value = buttonValue({ workflowId: 'heal:x', firstRunId: 'r', digest: 'd1' });

/** A gateway whose Temporal is away: what reaches it answers 503. */
async function gateway() {
  const results: string[] = [];
  const count = (result: string) => void results.push(result);
  const away = () => {
    throw new Error('Temporal is away');
  };
  const session = {
    config: { slack: { apiUrl: 'https://slack.com/api/' } },
    temporal: { client: { workflow: { getHandle: away } } },
  } as unknown as Session;
  const log = pino({ level: 'silent' });
  const app = fastify();
  await app.register(async (scope) =>
    addSlackHook(scope, { session, settings, signingSecret: secret, count, log }),
  );
  const post = (request: { body: string; headers: Record<string, string> }) =>
    app.inject({
      method: 'POST',
      url: '/hooks/slack',
      payload: request.body,
      headers: request.headers,
    });
  return { post, results };
}

const press = (more = {}) => signedPress({ secret, userId: 'U1', value, ...more });

describe('POST /hooks/slack', () => {
  test.each<[string, () => { body: string; headers: Record<string, string> }, string, RegExp]>([
    [
      'without a signature',
      () => ({ ...press(), headers: { 'content-type': 'application/x-www-form-urlencoded' } }),
      'unsigned',
      /not signed/,
    ],
    [
      'signed with another secret',
      () => signedPress({ secret: 'other', userId: 'U1', value }),
      'unsigned',
      /not signed/,
    ],
    [
      'whose body was changed',
      () => ({ ...press(), body: press({ userId: 'U2' }).body }),
      'unsigned',
      /not signed/,
    ],
    [
      'with another version of the signature',
      () => {
        const { body, headers } = press();
        return {
          body,
          headers: {
            ...headers,
            'x-slack-signature': headers['x-slack-signature'].replace('v0', 'v9'),
          },
        };
      },
      'unsigned',
      /not signed/,
    ],
    [
      'with a time that is none',
      () => {
        const { body, headers } = press();
        return { body, headers: { ...headers, 'x-slack-request-timestamp': 'soon' } };
      },
      'unsigned',
      /not signed/,
    ],
    ['that is six minutes old', () => press({ at: Date.now() - 360_000 }), 'stale', /older/],
    ['from the future', () => press({ at: Date.now() + 360_000 }), 'stale', /older/],
  ])('refuses a request %s with 401', async (_what, request, result, message) => {
    const { post, results } = await gateway();
    const response = await post(request());
    expect(response.statusCode).toBe(401);
    expect(response.json().detail).toMatch(message);
    expect(results).toEqual([result]);
  });

  test('takes a request once', async () => {
    const { post, results } = await gateway();
    const request = press();
    expect((await post(request)).statusCode).toBe(503);
    expect((await post(request)).statusCode).toBe(401);
    expect(results).toEqual(['unreachable', 'replayed']);
  });

  test.each<[string, string, RegExp]>([
    ['no form', '{"a":1}', /payload missing/],
    ['no payload', 'a=b', /payload missing/],
    ['no JSON', 'payload=%7B', /send valid JSON/],
    ['another kind of payload', form({ type: 'view_submission' }), /payload\.type/],
    [
      'no action',
      form({ type: 'block_actions', user: { id: 'U1' }, actions: [] }),
      /payload\.actions/,
    ],
    [
      'an unknown action',
      form({ type: 'block_actions', user: { id: 'U1' }, actions: [{ action_id: 'x', value }] }),
      /action_id/,
    ],
    [
      'a value that is not ours',
      form({
        type: 'block_actions',
        user: { id: 'U1' },
        actions: [{ action_id: 'approve', value: '{}' }],
      }),
      /press a button that Homeostat posted/,
    ],
  ])('answers 400 to %s', async (_what, body, message) => {
    const { post, results } = await gateway();
    const response = await post({ body, headers: headersFor(secret, body) });
    expect(response.statusCode).toBe(400);
    expect(response.json().detail).toMatch(message);
    expect(results).toEqual(['malformed']);
  });

  test('answers 413 to what is too large, and 401 to JSON without a signature', async () => {
    const { post } = await gateway();
    const body = 'x'.repeat(600 * 1024);
    expect((await post({ body, headers: headersFor(secret, body) })).statusCode).toBe(413);
    const json = { body: '{}', headers: { 'content-type': 'application/json' } };
    expect((await post(json)).statusCode).toBe(401);
  });
});

function form(payload: object): string {
  return new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
}

describe('a press', () => {
  const pressed = { workflowId: 'w', firstRunId: 'r', digest: 'd1', action: 'approve' as const };
  test.each([
    ['by somebody with the role', 'U1', waiting(), 'd1', 'allowed'],
    ['by somebody with a role for this namespace', 'U2', waiting(), 'd1', 'allowed'],
    [
      'by somebody with a role for another namespace',
      'U2',
      waiting({ target: { ...target, namespace: 'other' } }),
      'd1',
      'not-allowed',
    ],
    ['by somebody without a role', 'U3', waiting(), 'd1', 'not-allowed'],
    ['by a stranger', 'U9', waiting(), 'd1', 'not-allowed'],
    ['by nobody', 'constructor', waiting(), 'd1', 'not-allowed'],
    ['for another plan', 'U1', waiting(), 'd2', 'other-plan'],
    ['for one that waits no more', 'U1', record({ phase: 'acting' }), 'd1', 'over'],
    ['for one that has ended', 'U1', healed(), 'd1', 'over'],
    ['for one that is gone', 'U1', undefined, 'd1', 'over'],
  ])('%s', (_what, userId, of, digest, judgement) => {
    expect(judgePress({ ...pressed, userId, digest }, of, settings)).toBe(judgement);
  });

  test.each([undefined, '', '{', '[]', 'null', '{"workflowId":1}', '{"workflowId":"w"}'])(
    'a value %s is none of ours',
    (text) => expect(parseButton(text)).toBeUndefined(),
  );
});

describe('the gateway', () => {
  const variable = 'HOMEOSTAT_SLACK_SIGNING_SECRET';
  const slack = {
    channel: 'C123',
    users: { U1: { name: 'jane@example.org', roles: ['sre'] } },
    approvers: { sre: ['*'] },
  };
  afterEach(() => {
    delete process.env[variable];
  });

  test('serves the hook where somebody may approve, without its bearer token', async () => {
    process.env[variable] = secret;
    const app = await testGateway({ config: { slack } });
    const body = 'payload=x';
    const post = (headers: object) =>
      app.inject({ method: 'POST', url: '/hooks/slack', payload: body, headers: { ...headers } });
    expect((await post({})).statusCode).toBe(401);
    expect((await post(headersFor(secret, body))).statusCode).toBe(400);
    const { body: metrics } = await app.inject('/metrics');
    expect(metrics).toContain('homeostat_slack_requests_total{result="unsigned"} 1');
    expect(metrics).toContain('homeostat_slack_requests_total{result="malformed"} 1');
    expect((await app.inject('/openapi.json')).json().paths['/hooks/slack']).toBeDefined();
    await app.close();
  });

  test('does not start without the secret that it would need, and has no hook where nobody may', async () => {
    await expect(testGateway({ config: { slack } })).rejects.toThrow(
      /slack\.signingSecretFile missing: .*HOMEOSTAT_SLACK_SIGNING_SECRET/,
    );
    const app = await testGateway({ config: { slack: { channel: 'C123' } } });
    expect((await app.inject({ method: 'POST', url: '/hooks/slack' })).statusCode).toBe(404);
    await app.close();
  });
});
