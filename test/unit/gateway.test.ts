import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { readCredentials } from '../../src/client/gateway/auth';
import type { Report, Told } from '../../src/client/incidents';
import { checkConfig } from '../../src/model/config';
import { unreachable } from '../../src/model/errors';
import type { UnmatchedAlert } from '../../src/model/unmatched';
import {
  notification,
  post,
  type TestGateway,
  testGateway,
  writtenAlert,
} from '../support/gateway';

/** What Temporal was told, and what it answers. */
let told: Report[];
let listed: UnmatchedAlert[];
let answer: (report: Report) => Promise<Told>;
let app: FastifyInstance;

beforeEach(() => {
  told = [];
  listed = [];
  answer = async () => 'told';
});
afterEach(() => app?.close());

async function gateway(more: TestGateway = {}): Promise<FastifyInstance> {
  app = await testGateway({
    tell: async (report) => {
      const result = await answer(report);
      told.push(report);
      return result;
    },
    tellUnmatched: async (alerts) => void listed.push(...alerts),
    ownerOf: async (pod) => ({ ...pod, kind: 'Deployment', name: pod.name.split('-')[0]! }),
    ...more,
  });
  return app;
}

const received = async () =>
  Object.fromEntries(
    [
      ...(await app.inject('/metrics')).body.matchAll(
        /alerts_received_total\{result="(\w+)"\} (\d+)/g,
      ),
    ]
      .filter(([, , count]) => count !== '0')
      .map(([, result, count]) => [result, Number(count)]),
  );

describe('who may send', () => {
  test.each([
    [{}, 401],
    [{ authorization: 'Bearer wrong' }, 401],
    [{ authorization: 'Basic YTpi' }, 401],
    [{ authorization: 'Bearer a-token-for-the-tests' }, 200],
    [{ authorization: 'bearer a-token-for-the-tests' }, 200],
  ])('with %j: %i', async (headers, status) => {
    await gateway();
    const { statusCode } = await app.inject({
      method: 'POST',
      url: '/hooks/alertmanager',
      headers,
      payload: notification([writtenAlert()]),
    });
    expect(statusCode).toBe(status);
    expect(told).toHaveLength(status === 200 ? 1 : 0);
  });

  test('health, metrics and the description of the API are for everybody', async () => {
    await gateway();
    for (const url of ['/livez', '/readyz', '/metrics', '/openapi.json']) {
      expect((await app.inject(url)).statusCode).toBe(200);
    }
    const { paths } = (await app.inject('/openapi.json')).json();
    expect(paths['/hooks/alertmanager'].post.requestBody.content['application/json']).toBeDefined();
  });

  const { config } = checkConfig({});
  test('a gateway that asks nothing of its senders does not start', () => {
    expect(() => readCredentials(config!, {})).toThrow(/HOMEOSTAT_GATEWAY_TOKEN/);
    expect(() => readCredentials(config!, { HOMEOSTAT_GATEWAY_TOKEN: 'short' })).toThrow(/16/);
    expect(readCredentials(config!, { HOMEOSTAT_GATEWAY_TOKEN: 'long-enough-to-guess\n' })).toEqual(
      {
        token: 'long-enough-to-guess',
        certificate: false,
      },
    );
  });
});

describe('bad input is refused with the field, its value and the mend, and starts nothing', () => {
  const broken = (more: object) => notification([writtenAlert(), writtenAlert(more as never)]);
  test.each<[string, unknown, RegExp]>([
    ['text', 'not json', /no JSON/],
    ['nothing', '', /body/i],
    ['a list', [], /the body = \[\]: write keys and values/],
    ['another version', notification([], { version: '3' }), /version = "3": write one of 4/],
    ['no version', { alerts: [] }, /version = missing/],
    ['no alerts', notification(undefined), /alerts = missing: write a list/],
    ['no labels', broken({ labels: undefined }), /alerts\[1\]\.labels = missing: write keys/],
    [
      'no name',
      broken({ labels: { pod: 'x' } }),
      /alerts\[1\]\.labels\.alertname = missing: name the alert/,
    ],
    ['no status', broken({ status: undefined }), /alerts\[1\]\.status = missing: write one of/],
    ['another status', broken({ status: 'burning' }), /status = "burning": write one of firing/],
    ['no time', broken({ startsAt: 'yesterday' }), /startsAt = "yesterday": write a time/],
    [
      'a label that is no text',
      broken({ labels: { alertname: 'X', pod: 7 } }),
      /labels\.pod = 7: write a text/,
    ],
    [
      'an absurdly long label',
      broken({ labels: { alertname: 'X', pod: 'x'.repeat(3_000) } }),
      /alerts\[1\]\.labels\.pod = "x+: write a value of at most 2048/,
    ],
    [
      'an absurdly long name of a label',
      broken({ labels: { alertname: 'X', ['x'.repeat(300)]: 'x' } }),
      /at most 256/,
    ],
    [
      'too many labels',
      broken({
        labels: {
          alertname: 'X',
          ...Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`l${index}`, ''])),
        },
      }),
      /at most 100 labels/,
    ],
  ])('%s', async (_what, payload, detail) => {
    await gateway();
    const { status, headers, body } = await post(app, payload);
    expect(status).toBe(400);
    expect(headers['content-type']).toMatch('application/problem+json');
    expect(body).toMatchObject({ status: 400, title: 'Bad request' });
    expect(body.detail).toMatch(detail);
    expect(body.detail.length).toBeLessThan(500);
    expect(told).toEqual([]);
    expect(await received()).toEqual({ refused: 1 });
  });

  test('a body that is too large', async () => {
    await gateway({ config: { gateway: { bodyLimit: '4Ki' } } });
    const { status, body } = await post(
      app,
      notification([writtenAlert({ x: 'x'.repeat(5_000) })]),
    );
    expect(status).toBe(413);
    expect(body.detail).toMatch(/max_alerts/);
    expect(told).toEqual([]);
  });

  test('a hostile prototype', async () => {
    await gateway();
    const hostile = JSON.stringify(notification([writtenAlert()])).replace('"pod"', '"__proto__"');
    expect((await post(app, hostile)).status).toBe(400);
  });
});

describe('what becomes of alerts', () => {
  test('each counts by its own status, and those of one incident are told together', async () => {
    await gateway();
    const { status, body } = await post(
      app,
      notification(
        [
          writtenAlert(),
          writtenAlert({ fingerprint: 'f2' }, { pod: 'web-2-y' }),
          writtenAlert({ fingerprint: 'f3', status: 'resolved' }, { pod: 'web-3-z' }),
          writtenAlert({ fingerprint: 'f4', status: 'resolved' }, { pod: 'api-1-x' }),
          writtenAlert({ futureField: { any: true } }, { alertname: 'Watchdog' }),
        ],
        { futureField: 1 },
      ),
    );
    expect({ status, body }).toEqual({
      status: 200,
      body: { received: 5, accepted: 3, known: 0, resolved: 1, unmatched: 1 },
    });
    expect(told).toEqual([
      expect.objectContaining({
        workflowId: 'heal:lab:shop:Deployment:web:crash-loop',
        episodes: ['f1@2026-01-01T00:00:00.000Z', 'f2@2026-01-01T00:00:00.000Z'],
        observation: expect.objectContaining({ state: 'broken', object: 'Pod/shop/web-1-x' }),
      }),
      expect.objectContaining({
        workflowId: 'heal:lab:shop:Deployment:api:crash-loop',
        observation: expect.objectContaining({ state: 'recovered' }),
      }),
    ]);
    expect(listed).toEqual([
      expect.objectContaining({ name: 'Watchdog', why: 'no runbook answers Watchdog' }),
    ]);
    expect(await received()).toEqual({ accepted: 3, resolved: 1, unmatched: 1 });
  });

  test('what is said of it is bounded, one line, and without secrets', async () => {
    await gateway();
    const summary = `see\n\u001b[31mhttp://me:secret@host/ password=hunter2 ${'x'.repeat(9_000)}`;
    await post(app, notification([writtenAlert({ annotations: { summary } })]));
    const { message } = told[0]!.observation;
    expect(message).toMatch(/http:\/\/me:\*\*\*@host/);
    expect(message).not.toMatch(/secret|hunter2|\n|\[31m/);
    expect(message.length).toBeLessThan(400);
  });

  test.each([
    [
      'of another cluster',
      {},
      { cluster: 'prod' },
      /it is of the cluster "prod", and this is "lab"/,
    ],
    ['whose labels name nothing', {}, { pod: '' }, /name no object/],
    ['whose pod is not there', { ownerOf: async () => undefined }, {}, /shop\/Pod\/web-1-x is not/],
  ])('one %s is listed', async (_what, more, labels, why) => {
    await gateway(more);
    const { body } = await post(app, notification([writtenAlert({}, labels)]));
    expect(body).toMatchObject({ accepted: 0, unmatched: 1 });
    expect(listed[0]!.why).toMatch(why);
    expect(told).toEqual([]);
  });

  test('one without a fingerprint is given one by its labels', async () => {
    await gateway();
    await post(app, notification([writtenAlert({ fingerprint: undefined })]));
    await post(app, notification([writtenAlert({ fingerprint: undefined })]));
    expect(told[0]!.episodes).toEqual(told[1]!.episodes);
    expect(told[0]!.episodes![0]).toMatch(/^[0-9a-f]{16}@/);
  });

  test('a group of 1,000 is told with few calls at a time', async () => {
    let [now, most] = [0, 0];
    answer = async () => {
      now += 1;
      most = Math.max(most, now);
      await sleep(1);
      now -= 1;
      return 'told';
    };
    await gateway();
    const alerts = Array.from({ length: 1_000 }, (_, index) =>
      writtenAlert({ fingerprint: `f${index}` }, { pod: `app${index % 200}-x` }),
    );
    const { body } = await post(app, notification(alerts));
    expect(body).toMatchObject({ received: 1_000, accepted: 1_000 });
    expect(told).toHaveLength(200);
    expect(most).toBeLessThanOrEqual(32);
  });
});

describe('when something is away it is to be sent again', () => {
  const away = unreachable('Temporal at 127.0.0.1:1', 'start it');

  test('Temporal: 503, and the rest is not tried', async () => {
    let tried = 0;
    answer = async () => {
      tried += 1;
      await sleep(1);
      throw away;
    };
    await gateway();
    const alerts = Array.from({ length: 500 }, (_, index) =>
      writtenAlert({}, { pod: `app${index}-x` }),
    );
    const { status, headers } = await post(app, notification(alerts));
    expect(status).toBe(503);
    expect(headers['retry-after']).toBe('5');
    expect(tried).toBeLessThanOrEqual(32);
    expect(await received()).toEqual({ deferred: 500 });
  });

  test('the list of unmatched ones: 503 too', async () => {
    await gateway({ tellUnmatched: () => Promise.reject(away) });
    const { status } = await post(app, notification([writtenAlert({}, { alertname: 'Watchdog' })]));
    expect(status).toBe(503);
  });

  test('the API server: what needs no look at it is told nevertheless', async () => {
    await gateway({ ownerOf: () => Promise.reject(unreachable('the API server', 'start it')) });
    const { status } = await post(
      app,
      notification([writtenAlert(), writtenAlert({}, { deployment: 'web' })]),
    );
    expect(status).toBe(503);
    expect(told).toHaveLength(1);
    expect(await received()).toEqual({ accepted: 1, deferred: 1 });
  });

  test('too many requests: a 429 would drop the alerts', async () => {
    await gateway({ config: { gateway: { rate: 2 } } });
    const statuses = [];
    for (let turn = 0; turn < 3; turn += 1) {
      statuses.push((await post(app, notification([writtenAlert()]))).status);
    }
    expect(statuses).toEqual([200, 200, 503]);
  });
});
