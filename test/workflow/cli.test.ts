import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { createGovernorActivities } from '../../src/activities/temporal';
import { defaultGovernorPolicy } from '../../src/model/governor/policy';
import { runCli } from '../support/cli';
import { startDevServer } from '../support/dev-server';
import { badRelease, FakeCluster, failing, healthy } from '../support/fake-cluster';
import { runWithWorker } from '../support/time-skipping';

const deployment = (name: string) => ({
  kind: 'Deployment',
  metadata: { name, namespace: 'shop', generation: 1 },
  spec: { replicas: 1, strategy: {}, selector: { matchLabels: { app: name } } },
  status: { observedGeneration: 1, replicas: 1 },
});

const crashingPod = {
  kind: 'Pod',
  metadata: {
    name: 'web-1-x',
    namespace: 'shop',
    creationTimestamp: '2026-01-01T00:00:00Z',
    ownerReferences: [{ kind: 'ReplicaSet', name: 'web-1', controller: true, uid: 'r1' }],
  },
  spec: { containers: [{ name: 'web' }] },
  status: {
    phase: 'Running',
    containerStatuses: [
      {
        name: 'web',
        restartCount: 4,
        state: { waiting: { reason: 'CrashLoopBackOff' } },
        lastState: {
          terminated: { exitCode: 1, reason: 'Error', finishedAt: '2026-01-01T00:01:00Z' },
        },
      },
    ],
  },
};

/** What the API server answers to the paths that the CLI asks for. */
const documents: Record<string, unknown> = {
  '/api/v1/namespaces': {
    items: [{ metadata: { name: 'shop' } }, { metadata: { name: 'other' } }],
  },
  '/apis/apps/v1/namespaces/shop/deployments': { items: [deployment('web'), deployment('api')] },
  '/apis/apps/v1/namespaces/shop/deployments/web': deployment('web'),
  '/apis/apps/v1/namespaces/shop/deployments/api': deployment('api'),
  '/apis/apps/v1/namespaces/shop/replicasets/web-1': {
    kind: 'ReplicaSet',
    metadata: { ownerReferences: [{ kind: 'Deployment', name: 'web', controller: true }] },
  },
  '/api/v1/namespaces/shop/pods/web-1-x': crashingPod,
  '/api/v1/namespaces/shop/pods?labelSelector=app%3Dweb': { items: [crashingPod] },
  '/api/v1/namespaces/shop/pods?labelSelector=app%3Dapi': { items: [] },
};

function apiServer(): Promise<Server> {
  const server = createServer((request, response) => {
    const url = request.url ?? '';
    const document = documents[url] ?? documents[url.replace('?limit=500', '')];
    response
      .writeHead(document ? 200 : 404)
      .end(JSON.stringify(document ?? { message: 'not found' }));
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

describe('the CLI of procedures', () => {
  let env: TestWorkflowEnvironment;
  let api: Server;
  let folder: string;
  let cluster: FakeCluster;
  let clusters = 0;

  beforeAll(async () => {
    env = await startDevServer();
    api = await apiServer();
    folder = mkdtempSync(path.join(tmpdir(), 'homeostat-cli-'));
  }, 300_000);
  afterAll(async () => {
    api?.close();
    await env?.teardown();
    if (folder) rmSync(folder, { recursive: true, force: true });
  });

  /** A configuration with a cluster name and task queue of its own for every test. */
  function configure(): { name: string; taskQueue: string } {
    const name = `c${++clusters}`;
    const { port } = api.address() as AddressInfo;
    const kubeconfig = path.join(folder, `${name}.kubeconfig`);
    const named = [
      { name, cluster: { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true } },
    ];
    const contexts = [{ name, context: { cluster: name, user: name } }];
    writeFileSync(
      kubeconfig,
      JSON.stringify({
        ...{ apiVersion: 'v1', kind: 'Config', 'current-context': name },
        ...{ clusters: named, contexts, users: [{ name, user: {} }] },
      }),
    );
    const file = path.join(folder, `${name}.yaml`);
    const config = {
      cluster: { name, kubeconfig },
      temporal: { address: env.address, taskQueue: name, ui: 'http://127.0.0.1:8233' },
    };
    writeFileSync(file, JSON.stringify(config));
    process.env.HOMEOSTAT_CONFIG = file;
    cluster = new FakeCluster();
    return { name, taskQueue: name };
  }

  function withWorker(taskQueue: string, test: () => Promise<void>): Promise<void> {
    const policy = defaultGovernorPolicy;
    const governor = createGovernorActivities({ client: env.client, taskQueue, policy });
    const activities = { ...cluster.activities, ...governor };
    return runWithWorker(env, { activities, taskQueue }, test);
  }

  /** Asks again until it is so: visibility is written a moment later. */
  async function eventually<T>(ask: () => Promise<T>, so: (answer: T) => boolean): Promise<T> {
    for (let turn = 0; ; turn += 1) {
      const answer = await ask();
      if (so(answer) || turn > 100) return answer;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  const items = (stdout: string) =>
    (JSON.parse(stdout) as { items: Record<string, unknown>[] }).items;

  test('heals what a runbook sees, waits for it, lists, describes and reports it', async () => {
    const { name, taskQueue } = configure();
    const id = `heal:${name}:shop:Deployment:web:crash-loop`;
    await withWorker(taskQueue, async () => {
      const healed = await runCli(
        'heal',
        'po/web-1-x',
        '-n',
        'shop',
        '--wait',
        '--soak',
        '1s',
        '-o',
        'json',
      );
      expect(healed).toMatchObject({ code: 0 });
      expect(JSON.parse(healed.stdout)).toMatchObject({
        workflowId: id,
        joined: false,
        outcome: 'healed',
        phase: 'done',
        target: { cluster: name, namespace: 'shop', kind: 'Deployment', name: 'web' },
      });
    });
    // No worker from here on: a finished procedure tells of itself.
    const ask = ['get', 'procedures', '-n', 'shop', '-o', 'json'];
    const listed = await eventually(
      async () => items((await runCli(...ask)).stdout),
      ([item]) => item?.outcome === 'healed',
    );
    expect(listed).toEqual([
      expect.objectContaining({
        ...{ id, family: 'healing', type: 'heal', symptom: 'crash-loop', phase: 'done' },
        ...{ outcome: 'healed', blockedBy: null, runId: expect.any(String) },
        ...{ startedAt: expect.any(String), endedAt: expect.any(String) },
      }),
    ]);
    expect(items((await runCli('get', 'procedures', '-n', 'other', '-o', 'json')).stdout)).toEqual(
      [],
    );
    expect((await runCli('get', 'incidents', '-n', 'shop')).stdout).toContain(
      'shop/Deployment/web',
    );

    const described = JSON.parse((await runCli('describe', id, '-o', 'json')).stdout);
    expect(described.ledger.map((entry: { name: string }) => entry.name)).toContain('undo-rollout');
    expect(described).toMatchObject({
      id,
      outcome: 'healed',
      milestones: { seenAt: '2026-01-01T00:01:00.000Z' },
    });
    const byTarget = await runCli('describe', `${name}:shop:Deployment:web`);
    expect(byTarget.stdout).toContain('roll web back to web-1');

    const html = path.join(folder, 'report.html');
    expect(await runCli('report', id, '--out', html)).toMatchObject({ code: 0, stdout: '' });
    expect(readFileSync(html, 'utf8')).toContain('<!doctype html>');
    expect((await runCli('report', id)).stdout).toMatch(
      /^# crash-loop on shop\/Deployment\/web: healed/,
    );
    expect(await runCli('approve', id, '--by', 'ann')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('has ended already'),
    });
  });

  test('a dry run says the plan, changes nothing, and is in no listing', async () => {
    const { taskQueue } = configure();
    await withWorker(taskQueue, async () => {
      const planned = await runCli('heal', 'deploy/web', '-n', 'shop', '--dry-run', '-o', 'json');
      expect(planned.code).toBe(0);
      expect(JSON.parse(planned.stdout)).toMatchObject({
        dryRun: true,
        plan: {
          rung: 'undo-rollout',
          what: expect.stringContaining('roll web back to web-1'),
          undo: 'roll web forward to web-2',
        },
      });
    });
    expect(cluster.effects).toEqual([]);
    expect(items((await runCli('get', 'procedures', '-n', 'shop', '-o', 'json')).stdout)).toEqual(
      [],
    );
  });

  test('messages are taken or refused with a reason, and the outcome is the exit code', async () => {
    const { name, taskQueue } = configure();
    const id = `heal:${name}:shop:Deployment:web:crash-loop`;
    cluster.diagnosis = badRelease({ protected: true });
    await withWorker(taskQueue, async () => {
      await runCli('heal', 'deploy/web', '-n', 'shop');
      const joined = await runCli('heal', 'deployment/web', '-n', 'shop', '-o', 'json');
      expect(JSON.parse(joined.stdout)).toMatchObject({ workflowId: id, joined: true });
      const waiting = await eventually(
        async () => JSON.parse((await runCli('describe', id, '-o', 'json')).stdout),
        ({ phase }) => phase === 'waiting-approval',
      );
      expect(waiting.approvals).toMatchObject([{ state: 'waiting' }]);
      expect(await runCli('approve', id, '--by', ' ')).toMatchObject({ code: 2 });
      expect(await runCli('approve', id, '--by', 'ann', '--digest', 'x')).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('digest "x"'),
      });
      expect(await runCli('resume', id, '--by', 'ann')).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('not paused'),
      });
      expect(await runCli('note', id, 'looking', '--by', 'ann')).toMatchObject({ code: 0 });
      expect(await runCli('deny', id, '--by', 'ann', '--reason', 'not now')).toMatchObject({
        code: 0,
      });
      const watched = await runCli('watch', id);
      expect(watched).toMatchObject({ code: 1, stdout: expect.stringContaining('denied') });
    });
  });

  test('the halt lever blocks work, says why, and lets it go on', async () => {
    const { name, taskQueue } = configure();
    await withWorker(taskQueue, async () => {
      expect(await runCli('halt', '--reason', 'change freeze', '--by', 'ann')).toMatchObject({
        code: 0,
      });
      await runCli('heal', 'deploy/web', '-n', 'shop');
      const [blocked] = await eventually(
        async () => items((await runCli('get', 'procedures', '-n', 'shop', '-o', 'json')).stdout),
        ([item]) => item?.phase === 'blocked' && item.blockedBy !== null,
      );
      expect(blocked).toMatchObject({ phase: 'blocked', blockedBy: { gate: 'halted' } });
      const governor = JSON.parse((await runCli('describe', 'governor', '-o', 'json')).stdout);
      expect(governor).toMatchObject({
        cluster: name,
        halt: { by: 'ann', reason: 'change freeze' },
      });
      expect((await runCli('describe', 'governor')).stdout).toContain('change freeze');
      expect(await runCli('unhalt', '--by', 'ann')).toMatchObject({ code: 0 });
      const id = `heal:${name}:shop:Deployment:web:crash-loop`;
      expect(await runCli('watch', id)).toMatchObject({ code: 0 });
    });
  });

  test('an abort takes the change back', async () => {
    const { name, taskQueue } = configure();
    cluster.verifications = [failing(), healthy()];
    let verifying = () => {};
    const begun = new Promise<void>((resolve) => (verifying = resolve));
    cluster.whileVerifying = () => {
      verifying();
      return new Promise((resolve) => setTimeout(resolve, 2_000));
    };
    await withWorker(taskQueue, async () => {
      const id = `heal:${name}:shop:Deployment:web:crash-loop`;
      await runCli('heal', 'deploy/web', '-n', 'shop');
      await begun;
      expect(await runCli('abort', id, '--by', 'ann', '--reason', 'mine')).toMatchObject({
        code: 0,
      });
      expect(await runCli('watch', id)).toMatchObject({ code: 1 });
      expect(cluster.effects).toEqual(['rollback', 'undo rollback']);
    });
  });

  test.each([
    [['heal', 'depoy/web', '-n', 'shop'], /kind "depoy": known are .*did you mean "deploy"/],
    [['heal', 'web', '-n', 'shop'], /object "web": write it as kind\/name/],
    [
      ['heal', 'deploy/wep', '-n', 'shop'],
      /Deployment "wep" in namespace "shop": there are web, api .*"web"/,
    ],
    [['heal', 'deploy/web', '-n', 'shap'], /namespace "shap": there are shop, other .*"shop"/],
    [
      ['heal', 'deploy/web', '-n', 'shop', '--symptom', 'crash-lop'],
      /symptom "crash-lop": known are .*"crash-loop"/,
    ],
    [['heal', 'deploy/api', '-n', 'shop'], /Deployment\/api: no runbook sees a symptom/],
    [['heal', 'deploy/web', '-n', 'shop', '--soak', 'long'], /write a duration/],
    [['describe', 'nothing-like-it'], /procedure "nothing-like-it": there is none/],
    [['approve', 'nothing-like-it', '--by', 'ann'], /there is none/],
    [['get', 'procedure', '--family', 'heeling'], /family "heeling": known are .*"healing"/],
    [['get', 'podcasts'], /get "podcasts": known are/],
    [['get', 'procedures', '--limit', '0'], /whole number above 0/],
  ])('%j is refused with one sentence and starts nothing', async (args, sentence) => {
    configure();
    const { code, stdout, stderr } = await runCli(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(sentence);
  });

  test.each([
    [['heal', 'deploy/web', '-n', 'shop', '--wait']],
    [['heal', 'deploy/web', '-n', 'shop', '--dry-run']],
  ])('%j without a worker says how to start one', async (args) => {
    configure();
    const { code, stderr } = await runCli(...args);
    expect(code).toBe(3);
    expect(stderr).toMatch(/worker of the task queue .* is unreachable: start one/);
    expect(items((await runCli('get', 'procedures', '-n', 'shop', '-o', 'json')).stdout)).toEqual(
      [],
    );
  });

  test('a Temporal that is away is unreachable', async () => {
    configure();
    process.env.TEMPORAL_ADDRESS = '127.0.0.1:1';
    try {
      const { code, stderr } = await runCli('get', 'procedures');
      expect(code).toBe(3);
      expect(stderr).toContain('127.0.0.1:1 is unreachable');
    } finally {
      delete process.env.TEMPORAL_ADDRESS;
    }
  });
});
