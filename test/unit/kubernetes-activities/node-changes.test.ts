import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { V1Job, V1Node, V1Pod } from '@kubernetes/client-node';
import { MockActivityEnvironment } from '@temporalio/testing';
import {
  createKubernetesActivities,
  type KubernetesActivities,
} from '../../../src/activities/kubernetes';
import {
  type Change,
  type ChangeRequest,
  type ChangeSettings,
  defaultChangeSettings,
  type PlannedChange,
} from '../../../src/model/change';
import type { Hook } from '../../../src/model/hooks';
import { type Declined, isDeclined, type StepResult } from '../../../src/model/procedure';
import { type Answer, type Asked, FakeApi } from './fake-api';

const target = { cluster: 'trial', kind: 'Node', name: 'n1' };
const gone: Answer = { code: 404, body: { message: 'not found' } };
const ok: Answer = { body: {} };

/** A node, its pods and what hooks touch, in memory. */
class Cluster {
  node: V1Node = {
    metadata: {
      name: 'n1',
      uid: 'u1',
      annotations: {
        'cluster.x-k8s.io/machine': 'm1',
        'cluster.x-k8s.io/cluster-namespace': 'capi',
      },
    },
    spec: { providerID: 'cloud://n1' },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  };
  pods: V1Pod[] = [];
  jobs: V1Job[] = [];
  machine: object | undefined;
  machineSet: object | undefined;
  readonly kept: Record<string, string> = {};
  /** What an eviction is answered; the pod goes where it is `ok`. */
  onEvict: (pod: V1Pod) => Answer = () => ok;
  onJob: (job: V1Job) => void = (job) => {
    job.status = { conditions: [{ type: 'Complete', status: 'True' }] };
  };
  api!: FakeApi;
  activities!: KubernetesActivities;

  static async start(settings: Partial<ChangeSettings> = {}): Promise<Cluster> {
    const cluster = new Cluster();
    cluster.api = await FakeApi.start((asked) => cluster.answer(asked));
    cluster.activities = createKubernetesActivities({
      kubeConfig: cluster.api.kubeConfig,
      breaker: (work) => work(),
      artifacts: {
        put: async (name, content) => {
          cluster.kept[name] = content;
          return { name, uri: name, digest: '', bytes: content.length };
        },
        read: () => Promise.reject(new Error('unused')),
      },
      clusterName: 'trial',
      changes: { ...defaultChangeSettings, ...settings },
    });
    return cluster;
  }

  private answer({ method, path: asked, body }: Asked): Answer {
    if (asked.endsWith('/eviction')) return this.evicted(asked.split('/').at(-2) ?? '');
    if (asked === '/api/v1/nodes/n1') return { body: this.node };
    if (asked === '/api/v1/pods') return { body: { items: this.pods } };
    if (asked.endsWith('/machines/m1')) {
      if (method === 'DELETE') this.machine = undefined;
      return method === 'DELETE' ? ok : this.found(this.machine);
    }
    if (asked.endsWith('/machinesets/set')) return this.found(this.machineSet);
    if (asked.endsWith('/jobs')) {
      this.jobs.push(body as V1Job);
      this.onJob(body as V1Job);
      return { body };
    }
    if (asked.includes('/jobs/')) {
      return this.found(this.jobs.find(({ metadata }) => asked.endsWith(`/${metadata?.name}`)));
    }
    return { body: { items: [] } };
  }

  private found = (object: object | undefined): Answer => (object ? { body: object } : gone);

  private evicted(name: string): Answer {
    const pod = this.pods.find(({ metadata }) => metadata?.name === name);
    if (!pod) return gone;
    const answer = this.onEvict(pod);
    if (answer === ok) this.pods = this.pods.filter((one) => one !== pod);
    return answer;
  }

  plan = (request: ChangeRequest): Promise<PlannedChange | Declined> =>
    new MockActivityEnvironment().run(this.activities.planChange, request);

  make = (change: Change, attempt = 1): Promise<StepResult> =>
    new MockActivityEnvironment({ attempt, scheduledTimestampMs: Date.now() }).run(
      this.activities.makeChange,
      change,
    );

  async planned(request: ChangeRequest): Promise<PlannedChange> {
    const plan = await this.plan(request);
    if (isDeclined(plan)) throw new Error(plan.declined);
    return plan;
  }
}

function pod(name: string, more: { owner?: string; spec?: object; marks?: object } = {}): V1Pod {
  const { owner = 'ReplicaSet', spec = {}, marks = {} } = more;
  const reference = { apiVersion: 'v1', kind: owner, name: 'o', uid: 'o', controller: true };
  return {
    metadata: {
      name,
      namespace: 'shop',
      uid: `uid-${name}`,
      annotations: marks as Record<string, string>,
      ownerReferences: owner ? [reference] : [],
    },
    spec: { containers: [{ name: 'c' }], ...spec },
    status: { phase: 'Running' },
  };
}

const tooMany: Answer = {
  code: 429,
  body: {
    message: 'Cannot evict pod as it would violate the pod’s disruption budget.',
    details: { causes: [{ message: 'The disruption budget web needs 2 healthy pods and has 2' }] },
  },
};

let cluster: Cluster;
afterEach(() => cluster.api.stop());

describe('a drain', () => {
  const request: ChangeRequest = { kind: 'drain', target };
  const drain = { ...defaultChangeSettings.drain, timeoutMs: 0 };

  test('evicts what a controller makes anew, by uid, and nothing twice', async () => {
    cluster = await Cluster.start();
    cluster.pods = [pod('web'), pod('agent', { owner: 'DaemonSet' })];
    const { change, needsApproval } = await cluster.planned(request);
    expect(needsApproval).toBeUndefined();
    expect(await cluster.make(change)).toMatchObject({ result: 'changed' });
    expect(await cluster.make(change, 2)).toMatchObject({ result: 'already' });
    const evictions = cluster.api.asked.filter(({ path: asked }) => asked.endsWith('/eviction'));
    expect(evictions.map(({ body }) => body)).toEqual([
      expect.objectContaining({ deleteOptions: { preconditions: { uid: 'uid-web' } } }),
    ]);
    expect(cluster.pods.map(({ metadata }) => metadata?.name)).toEqual(['agent']);
  }, 20_000);

  test('names the budget that did not give way in time', async () => {
    cluster = await Cluster.start({ drain });
    cluster.pods = [pod('web')];
    cluster.onEvict = () => tooMany;
    const { change } = await cluster.planned(request);
    await expect(cluster.make(change)).rejects.toMatchObject({
      nonRetryable: true,
      message: expect.stringMatching(/shop\/web \(The disruption budget web needs 2/),
    });
  });

  test.each([
    ['has no controller', pod('lonely', { owner: '' }), {}],
    [
      'is marked homeostat.dev/ignore',
      pod('web', { marks: { 'homeostat.dev/ignore': 'true' } }),
      {},
    ],
    [
      'loses its emptyDir cache',
      pod('web', { spec: { volumes: [{ name: 'cache', emptyDir: {} }] } }),
      { emptyDir: 'approve' as const },
    ],
  ])('asks for an approval where a pod %s', async (why, one, more) => {
    cluster = await Cluster.start({ drain: { ...drain, ...more } });
    cluster.pods = [one];
    expect((await cluster.planned(request)).needsApproval).toContain(why);
  });

  test('stops where a pod came that nobody approved', async () => {
    cluster = await Cluster.start();
    cluster.pods = [pod('web')];
    const { change } = await cluster.planned(request);
    cluster.pods.push(pod('lonely', { owner: '' }));
    await expect(cluster.make(change)).rejects.toMatchObject({
      message: expect.stringContaining('shop/lonely has no controller'),
    });
    expect(cluster.pods).toHaveLength(2);
  });

  test('stops where somebody uncordoned the node', async () => {
    cluster = await Cluster.start();
    cluster.pods = [pod('web')];
    const { change } = await cluster.planned(request);
    cluster.node.metadata!.annotations!['homeostat.dev/held-by'] = 'heal:x';
    expect(await cluster.make(change)).toMatchObject({ result: 'superseded' });
    expect(cluster.pods).toHaveLength(1);
  });

  test('is declined where nothing is to be moved', async () => {
    cluster = await Cluster.start();
    expect(await cluster.plan(request)).toHaveProperty('declined');
  });
});

describe('eviction under pressure', () => {
  test('takes a few, the least promised first, and never what nobody makes anew', async () => {
    cluster = await Cluster.start({ limits: { ...defaultChangeSettings.limits, evictAtOnce: 2 } });
    cluster.node.status!.conditions!.push({ type: 'MemoryPressure', status: 'True' });
    const asking = (memory: string) => ({
      containers: [{ name: 'c', resources: { requests: { memory } } }],
    });
    const named = (name: string, qosClass: string, more: object = {}): V1Pod => ({
      ...pod(name, more),
      status: { phase: 'Running', qosClass },
    });
    cluster.pods = [
      named('sure', 'Guaranteed'),
      named('small', 'Burstable', { spec: asking('64Mi') }),
      named('large', 'Burstable', { spec: asking('1Gi') }),
      named('free', 'BestEffort'),
      named('lonely', 'BestEffort', { owner: '' }),
    ];
    const { change } = await cluster.planned({ kind: 'evict-pods', target });
    expect(change).toMatchObject({ pods: [{ name: 'shop/free' }, { name: 'shop/large' }] });
    await cluster.make(change);
    expect(cluster.pods.map(({ metadata }) => metadata?.name)).toEqual(['sure', 'small', 'lonely']);
  });
});

describe('a hook', () => {
  const request = (hook: 'reboot' | 'replace'): ChangeRequest => ({
    kind: 'run-hook',
    target,
    hook,
    token: 'heal:x/2026',
  });
  const common = { approval: false, timeoutMs: 5_000 };
  const command = (script: string, more: Partial<Hook> = {}): Hook =>
    ({
      ...common,
      type: 'command',
      command: [process.execPath, '-e', script, '{node}'],
      environment: ['PATH'],
      ...more,
    }) as Hook;
  const job: Hook = {
    ...common,
    type: 'job',
    namespace: 'homeostat',
    placement: 'node',
    template: { kind: 'Job', spec: { template: { spec: { containers: [{ name: 'c' }] } } } },
  };
  const machine: Hook = { ...common, type: 'machine', apiVersion: 'v1beta1' };

  test('that is not configured is declined', async () => {
    cluster = await Cluster.start();
    expect(await cluster.plan(request('reboot'))).toEqual({
      declined: 'no hook is configured (healing.hooks.reboot)',
    });
  });

  test('asks for an approval where it is configured so', async () => {
    cluster = await Cluster.start({ hooks: { reboot: command('', { approval: true }) } });
    expect((await cluster.planned(request('reboot'))).needsApproval).toContain(
      'healing.hooks.reboot',
    );
  });

  test('command: no shell, a bare environment, the same key, masked output', async () => {
    const file = path.join(mkdtempSync(path.join(tmpdir(), 'hook-')), 'out');
    const script = `require('fs').appendFileSync(${JSON.stringify(file)},
      JSON.stringify({ argv: process.argv.slice(1), env: process.env }) + '\\n');
      console.log('password=hunter2hunter2');`;
    process.env.HOOK_SECRET = 'not for you';
    cluster = await Cluster.start({ hooks: { reboot: command(script) } });
    const { change } = await cluster.planned(request('reboot'));
    expect(JSON.stringify(change)).not.toContain('appendFileSync');
    await cluster.make(change);
    await cluster.make(change, 2);
    const [one, two] = readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(one.argv).toEqual(['n1']);
    expect(one.env).toMatchObject({
      NODE_NAME: 'n1',
      NODE_PROVIDER_ID: 'cloud://n1',
      HOMEOSTAT_ATTEMPT: '1',
    });
    expect(one.env).not.toHaveProperty('HOOK_SECRET');
    expect(two.env).toMatchObject({
      HOMEOSTAT_KEY: one.env.HOMEOSTAT_KEY,
      HOMEOSTAT_ATTEMPT: '2',
    });
    expect(Object.values(cluster.kept).join()).not.toContain('hunter2');
  }, 30_000);

  test.each([
    ['exit code 3', 'console.error("no such host"); process.exit(3)', {}],
    ['did not end within', 'setInterval(() => {}, 1000)', { timeoutMs: 1_000 }],
  ])(
    'command: %s ends it for good',
    async (why, script, more) => {
      cluster = await Cluster.start({ hooks: { reboot: command(script, more) } });
      const { change } = await cluster.planned(request('reboot'));
      await expect(cluster.make(change)).rejects.toMatchObject({
        nonRetryable: true,
        message: expect.stringContaining(why),
      });
    },
    30_000,
  );

  test('that was changed since it was planned is not run', async () => {
    cluster = await Cluster.start({ hooks: { reboot: command('') } });
    const { change } = await cluster.planned(request('reboot'));
    await expect(
      cluster.make({ ...change, definition: 'another' } as Change),
    ).rejects.toMatchObject({ message: expect.stringContaining('plan anew') });
  });

  test('job: bound to the node, made once, told the key', async () => {
    cluster = await Cluster.start({ hooks: { reboot: job } });
    const { change } = await cluster.planned(request('reboot'));
    await cluster.make(change);
    await cluster.make(change, 2);
    expect(cluster.jobs).toHaveLength(1);
    const [made] = cluster.jobs;
    expect(made!.metadata?.name).toMatch(/^homeostat-reboot-[0-9a-f]{16}$/);
    expect(made!.spec).toMatchObject({ backoffLimit: 0, activeDeadlineSeconds: 5 });
    expect(made!.spec!.template.spec).toMatchObject({
      nodeName: 'n1',
      restartPolicy: 'Never',
      tolerations: [{ operator: 'Exists' }],
    });
    const env = made!.spec!.template.spec!.containers[0]!.env!;
    expect(env.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['NODE_NAME', 'HOMEOSTAT_KEY']),
    );
  });

  test('job: one that failed ends it for good', async () => {
    cluster = await Cluster.start({ hooks: { reboot: job } });
    cluster.onJob = (made) => {
      const failed = { type: 'Failed', status: 'True', reason: 'BackoffLimitExceeded' };
      made.status = { conditions: [failed] };
    };
    const { change } = await cluster.planned(request('reboot'));
    await expect(cluster.make(change)).rejects.toMatchObject({
      message: expect.stringContaining('BackoffLimitExceeded'),
    });
  });

  test('job: declined on a node whose kubelet does not answer', async () => {
    cluster = await Cluster.start({ hooks: { reboot: job } });
    cluster.node.status!.conditions![0]!.status = 'Unknown';
    expect(await cluster.plan(request('reboot'))).toHaveProperty('declined');
  });

  const owned = {
    metadata: {
      name: 'm1',
      uid: 'um',
      ownerReferences: [
        { apiVersion: 'x', kind: 'MachineSet', name: 'set', uid: 'us', controller: true },
      ],
    },
  };
  const machineSet = (more: object = {}) => ({
    metadata: { name: 'set', uid: 'us' },
    spec: { replicas: 2 },
    status: { replicas: 2, readyReplicas: 2 },
    ...more,
  });

  test('machine: deleted by its uid, and done once its owner has all it wants', async () => {
    cluster = await Cluster.start({ hooks: { replace: machine } });
    cluster.machine = owned;
    cluster.machineSet = machineSet();
    const { change } = await cluster.planned(request('replace'));
    expect(await cluster.make(change)).toMatchObject({ result: 'changed' });
    const deletions = cluster.api.asked.filter(({ method }) => method === 'DELETE');
    expect(deletions.map(({ body }) => body)).toEqual([{ preconditions: { uid: 'um' } }]);
  }, 20_000);

  test.each([
    ['no MachineSet owns', { metadata: { name: 'm1', uid: 'um' } }, machineSet()],
    ['is being scaled down', owned, machineSet({ spec: { replicas: 1 } })],
    ['is gone', owned, undefined],
    ['does not exist', undefined, undefined],
    [
      'cluster.x-k8s.io/skip-remediation',
      { metadata: { ...owned.metadata, annotations: { 'cluster.x-k8s.io/skip-remediation': '' } } },
      machineSet(),
    ],
  ])('machine: declined where it %s', async (why, one, set) => {
    cluster = await Cluster.start({ hooks: { replace: machine } });
    cluster.machine = one;
    cluster.machineSet = set;
    expect(await cluster.plan(request('replace'))).toEqual({
      declined: expect.stringContaining(why),
    });
  });
});

describe('out of service', () => {
  const request: ChangeRequest = { kind: 'out-of-service', target, token: 't' };
  const fence: Hook = {
    type: 'command',
    approval: true,
    timeoutMs: 5_000,
    command: [process.execPath, '-e', 'process.exit(1)'],
    environment: [],
  };

  test('is declined for a node that answers, and without a hook that proves it', async () => {
    cluster = await Cluster.start();
    expect(await cluster.plan(request)).toHaveProperty('declined');
    cluster.node.status!.conditions![0]!.status = 'Unknown';
    expect(await cluster.plan(request)).toEqual({
      declined: expect.stringContaining('healing.hooks.fence'),
    });
  });

  test('never taints where the proof failed', async () => {
    cluster = await Cluster.start({ hooks: { fence } });
    cluster.node.status!.conditions![0]!.status = 'Unknown';
    const { change } = await cluster.planned(request);
    await expect(cluster.make(change)).rejects.toMatchObject({ nonRetryable: true });
    expect(cluster.api.count('PATCH')).toBe(0);
  });
});
