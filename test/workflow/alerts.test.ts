import { randomUUID } from 'node:crypto';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import type { FastifyInstance } from 'fastify';
import { createGovernorActivities } from '../../src/activities/temporal';
import { type Report, tell } from '../../src/client/incidents';
import { listUnmatched, tellUnmatched } from '../../src/client/procedures/alerts';
import { describeProcedure } from '../../src/client/procedures/record';
import type { Session } from '../../src/client/procedures/session';
import { checkConfig } from '../../src/model/config';
import { defaultGovernorPolicy } from '../../src/model/governor/policy';
import { healWorkflowId } from '../../src/model/target';
import type { Temporal } from '../../src/service/temporal';
import { startDevServer } from '../support/dev-server';
import { badRelease, FakeCluster } from '../support/fake-cluster';
import { notification, post, testGateway, writtenAlert } from '../support/gateway';
import { runWithWorker } from '../support/time-skipping';

/** Alerts on a real Temporal server; the cluster is a double. */
describe('alerts and their incidents', () => {
  let env: TestWorkflowEnvironment;
  let cluster: FakeCluster;
  let session: Session;
  const apps: FastifyInstance[] = [];

  beforeAll(async () => {
    env = await startDevServer();
  });
  afterAll(() => env?.teardown());
  beforeEach(() => {
    cluster = new FakeCluster();
    const name = `c${randomUUID().slice(0, 8)}`;
    const { config } = checkConfig({
      cluster: { name },
      temporal: { taskQueue: name },
      healing: { soak: '1s' },
      governor: { coolDown: '1ms' },
    });
    const { client, connection } = env;
    session = { config: config!, temporal: { client, connection } as Temporal };
  });
  afterEach(() => Promise.all(apps.splice(0).map((app) => app.close())));

  /** One of the gateways of an HA pair; they share nothing but Temporal. */
  async function gateway(): Promise<FastifyInstance> {
    const { config, temporal } = session;
    const app = await testGateway({
      config: { cluster: { name: config.cluster.name } },
      temporal,
      ownerOf: async () => ({ kind: 'Deployment', namespace: 'shop', name: 'web' }),
      tell: (report) => tell(temporal, config, report),
      tellUnmatched: (alerts) => tellUnmatched(session, alerts),
    });
    apps.push(app);
    return app;
  }

  function withWorker<T>(test: () => Promise<T>): Promise<T> {
    const { taskQueue } = session.config.temporal;
    const policy = { ...defaultGovernorPolicy, coolDownMs: 1 };
    const governor = createGovernorActivities({ client: env.client, taskQueue, policy });
    return runWithWorker(
      env,
      { activities: { ...cluster.activities, ...governor }, taskQueue },
      test,
    );
  }

  const id = () =>
    healWorkflowId(
      { cluster: session.config.cluster.name, kind: 'Deployment', namespace: 'shop', name: 'web' },
      'crash-loop',
    );
  const handle = () => env.client.workflow.getHandle(id());
  const run = () => handle().describe();
  const describeIt = () => describeProcedure(session, id());

  const firing = (startsAt = '2026-01-01T00:00:00Z', fingerprint = 'f1') =>
    notification([writtenAlert({ startsAt, fingerprint })]);
  const resolved = (startsAt = '2026-01-01T00:00:00Z') =>
    notification([writtenAlert({ status: 'resolved', startsAt, endsAt: '2026-01-01T00:09:00Z' })]);

  test('what was answered with 200 is durable before any worker runs, and is healed once', async () => {
    const [one, other] = [await gateway(), await gateway()];
    const answers = await Promise.all([
      ...[one, other, one, other].map((app) => post(app, firing())),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const { runId, memo } = await run();
    expect(memo).toEqual({ alerts: ['f1@2026-01-01T00:00:00.000Z'] });
    await withWorker(() => handle().result());
    expect((await run()).runId).toBe(runId);
    expect(cluster.effects).toEqual(['rollback']);
    const { outcome, observations } = await describeIt();
    expect(outcome).toBe('healed');
    expect(observations).toEqual([
      expect.objectContaining({
        object: 'Pod/shop/web-1-x',
        message: 'alert KubePodCrashLooping firing: Pod is crash looping.',
        alerts: [
          {
            name: 'KubePodCrashLooping',
            fingerprint: 'f1',
            startsAt: '2026-01-01T00:00:00.000Z',
          },
        ],
      }),
    ]);
  });

  test('an episode that was dealt with is not healed again, in whatever order it is told', async () => {
    const [one, other] = [await gateway(), await gateway()];
    await withWorker(async () => {
      await post(one, firing());
      await handle().result();
      const { runId } = await run();
      // The other of the pair is late, and out of order.
      expect((await post(other, resolved())).body).toMatchObject({ resolved: 1 });
      expect((await post(other, firing())).body).toMatchObject({ known: 1, accepted: 0 });
      expect((await run()).runId).toBe(runId);

      // A new episode is a new healing, which still knows the old one.
      expect((await post(one, firing('2026-01-01T01:00:00Z'))).body).toMatchObject({ accepted: 1 });
      await handle().result();
      const { runId: second } = await run();
      expect(second).not.toBe(runId);
      expect((await post(other, firing())).body).toMatchObject({ known: 1 });

      // A healing that the detector begins knows them too.
      await tell(session.temporal, session.config, seen());
      await handle().result();
      expect((await run()).runId).not.toBe(second);
      expect((await post(other, firing('2026-01-01T01:00:00Z'))).body).toMatchObject({ known: 1 });
    });
  });

  const seen = (): Report => ({
    workflowId: id(),
    target: {
      cluster: session.config.cluster.name,
      kind: 'Deployment',
      namespace: 'shop',
      name: 'web',
    },
    symptom: 'crash-loop',
    observation: {
      object: 'Pod/shop/web-1-x',
      state: 'broken',
      message: 'it is in CrashLoopBackOff',
      seenAt: '2026-01-01T02:00:00Z',
    },
  });

  test('what joins a running healing is remembered; its duplicates add nothing', async () => {
    cluster.diagnosis = badRelease({ protected: true });
    const app = await gateway();
    await withWorker(async () => {
      await tell(session.temporal, session.config, seen());
      await eventually(async () => (await describeIt()).phase === 'waiting-approval');
      const { runId } = await run();
      for (let turn = 0; turn < 3; turn += 1) {
        expect((await post(app, firing())).body).toMatchObject({ accepted: 1 });
      }
      await eventually(async () => (await run()).memo?.alerts !== undefined);
      const told = async () =>
        ((await describeIt()).observations ?? []).filter(({ alerts }) => alerts).length;
      await eventually(async () => (await told()) === 1);
      await handle().signal('approve', { by: 'ann' });
      await handle().result();
      expect(await told()).toBe(1);
      expect((await post(app, firing())).body).toMatchObject({ known: 1 });
      expect((await run()).runId).toBe(runId);
    });
  });

  test('resolved is evidence for a running healing, never proof: it looks, and goes on', async () => {
    cluster.diagnosis = badRelease({ protected: true });
    const app = await gateway();
    await withWorker(async () => {
      await post(app, firing());
      await eventually(async () => (await describeIt()).phase === 'waiting-approval');
      expect((await post(app, resolved())).body).toMatchObject({ resolved: 1 });
      await eventually(async () => (await describeIt()).approvals.length === 2);
      const { phase, observations } = await describeIt();
      expect(phase).toBe('waiting-approval');
      expect(observations?.at(-1)).toMatchObject({ state: 'recovered' });
      await handle().signal('deny', { by: 'ann', reason: 'no' });
      await handle().result();
      expect(cluster.effects).toEqual([]);
    });
  });

  test('a healing that a person ended in Temporal has dealt with its episode, not with the next', async () => {
    const app = await gateway();
    await post(app, firing());
    const { runId } = await run();
    await handle().terminate('trial');
    expect((await post(app, firing())).body).toMatchObject({ known: 1 });
    await post(app, firing('2026-01-01T01:00:00Z'));
    expect((await run()).runId).not.toBe(runId);
    await handle().terminate('trial');
  });

  test('the API lists, describes and steers procedures, and says what is wrong with a request', async () => {
    cluster.diagnosis = badRelease({ protected: true });
    const app = await gateway();
    const ask = async (method: 'GET' | 'POST', url: string, payload?: object) => {
      const headers = { authorization: 'Bearer a-token-for-the-tests' };
      const response = await app.inject({ method, url, headers, ...(payload && { payload }) });
      return { status: response.statusCode, body: response.json() };
    };
    const one = `/api/v1/procedures/${encodeURIComponent(id())}`;
    await withWorker(async () => {
      await post(app, firing());
      await eventually(async () => (await describeIt()).phase === 'waiting-approval');
      const { body: listed } = await ask('GET', '/api/v1/procedures?running=true&limit=1000');
      expect(listed.items).toContainEqual(expect.objectContaining({ id: id(), endedAt: null }));
      expect((await ask('GET', one)).body).toMatchObject({
        id: id(),
        phase: 'waiting-approval',
        observations: [{ alerts: [{ fingerprint: 'f1' }] }],
      });
      expect(await ask('POST', `${one}/approve`, {})).toMatchObject({
        status: 400,
        body: { detail: 'by = missing: write a text' },
      });
      expect(await ask('POST', `${one}/approve`, { by: 'ann', who: 'ann' })).toMatchObject({
        status: 400,
      });
      expect(await ask('POST', `${one}/approve`, { by: 'ann', digest: 'x' })).toMatchObject({
        status: 409,
        body: { detail: expect.stringContaining('digest "x"') },
      });
      expect(await ask('POST', `${one}/resume`, { by: 'ann' })).toMatchObject({ status: 409 });
      expect(await ask('POST', `${one}/deny`, { by: 'ann', reason: 'no' })).toMatchObject({
        status: 200,
        body: { id: id() },
      });
      await handle().result();
      expect(await ask('POST', `${one}/pause`, { by: 'ann' })).toMatchObject({
        status: 409,
        body: { detail: expect.stringContaining('has ended already') },
      });
    });
    expect(await ask('GET', '/api/v1/procedures/nothing-like-it')).toMatchObject({ status: 404 });
    expect(await ask('GET', '/api/v1/procedures?family=heeling')).toMatchObject({ status: 400 });
    expect(await ask('POST', '/api/v1/heal', { object: 'web', by: 'ann' })).toMatchObject({
      status: 400,
      body: { detail: expect.stringContaining('kind/name') },
    });
    expect((await app.inject({ url: '/api/v1/procedures' })).statusCode).toBe(401);
    expect((await ask('GET', '/nowhere')).status).toBe(404);
  });

  test('alerts that nothing answers are listed, once each', async () => {
    const app = await gateway();
    const watchdog = (more: object = {}) =>
      notification([writtenAlert(more as never, { alertname: 'Watchdog' })]);
    await post(app, watchdog());
    await post(app, watchdog());
    await post(app, notification([writtenAlert({ fingerprint: 'f2' }, { alertname: 'Other' })]));
    await post(app, watchdog({ status: 'resolved' }));
    await withWorker(async () => {
      const items = await listUnmatched(session);
      expect(items).toEqual([
        expect.objectContaining({ name: 'Watchdog', status: 'resolved', times: 3 }),
        expect.objectContaining({
          name: 'Other',
          status: 'firing',
          why: 'no runbook answers Other',
          labels: 'namespace=shop, pod=web-1-x',
        }),
      ]);
      const response = await app.inject({
        url: '/api/v1/alerts',
        headers: { authorization: 'Bearer a-token-for-the-tests' },
      });
      expect(response.json()).toEqual({ items });
    });
  });
});

async function eventually(so: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 300; turn += 1) {
    if (await so()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('not reached within half a minute');
}
