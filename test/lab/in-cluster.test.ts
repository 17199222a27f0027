import { execFileSync } from 'node:child_process';
import { PassThrough } from 'node:stream';
import {
  CoreV1Api,
  Exec,
  PatchStrategy,
  setHeaderOptions,
  type V1Pod,
} from '@kubernetes/client-node';
import { Client, Connection } from '@temporalio/client';
import {
  ensureUp,
  holdPart,
  leftovers,
  type Platform,
  platformPaths,
  readPlatform,
  releasePart,
  takeDown,
} from '../../src/client/platform';
import { findProgram } from '../../src/client/platform/packages';
import { describeLab, labName } from '../support/lab';
import { adminKubeConfig, Workloads } from '../support/workloads';

const name = `${labName}-inside`;

/** Homeostat as its chart installs it: two of each part, in pods of the real cluster. */
describeLab('Homeostat in the cluster', () => {
  let platform: Platform;
  let core: CoreV1Api;
  let workloads: Workloads;
  let connection: Connection;
  let client: Client;

  // The image and helm are built once a machine, which takes minutes.
  beforeAll(async () => {
    platform = await ensureUp({ name, inCluster: true, timeoutMs: 600_000 });
    core = adminKubeConfig(platform).makeApiClient(CoreV1Api);
    workloads = await new Workloads(platform).create();
    const { address, namespace } = platform.temporal;
    connection = await Connection.connect({ address });
    client = new Client({ connection, namespace });
  }, 2_400_000);
  afterAll(async () => {
    await connection?.close();
    await takeDown(name);
  });

  const podsOf = async (part: string): Promise<V1Pod[]> => {
    const labelSelector = `app.kubernetes.io/component=${part}`;
    const { items } = await core.listNamespacedPod({ namespace: 'homeostat', labelSelector });
    return items.filter(({ metadata }) => !metadata?.deletionTimestamp);
  };

  /** Runs a command in a pod's container. */
  const inside = ({ metadata, spec }: V1Pod, ...command: string[]) =>
    new Promise<{ status?: string; output: string }>((resolve, reject) => {
      const printed = new PassThrough();
      const chunks: Buffer[] = [];
      printed.on('data', (chunk: Buffer) => chunks.push(chunk));
      new Exec(adminKubeConfig(platform))
        .exec(
          ...(['homeostat', metadata!.name!, spec!.containers[0]!.name, command] as const),
          ...([printed, printed, null, false] as const),
          ({ status }) => resolve({ status, output: Buffer.concat(chunks).toString().trim() }),
        )
        .catch(reject);
    });

  const healings = async (workload: string) => {
    const id = `heal:${platform.cluster.name}:${workloads.namespace}:Deployment:${workload}:`;
    const query = `WorkflowId STARTS_WITH '${id}'`;
    const found = [];
    for await (const one of client.workflow.list({ query })) found.push(one);
    return found;
  };

  async function breakAndHeal(workload: string): Promise<void> {
    await workloads.release('Deployment', workload, 'crash');
    await workloads.until(
      async () =>
        (await workloads.behaviour('Deployment', workload)) === 'good' &&
        (await workloads.isAvailable('Deployment', workload)),
      240_000,
    );
  }

  test('nothing of it runs as a process of the host, and status says so', async () => {
    const status = readPlatform(name)!;
    for (const part of ['worker', 'detector', 'gateway']) {
      expect(status.parts.find((one) => one.name === part)).toMatchObject({
        ready: true,
        pid: null,
      });
      const nodes = new Set((await podsOf(part)).map(({ spec }) => spec?.nodeName));
      expect(nodes.size).toBe(2);
    }
    const answer = await fetch(`${status.gateway.url}/livez`);
    expect(answer.status).toBe(200);
  });

  test('a release that crashes is rolled back once, though two of each part saw it', async () => {
    await workloads.deploy('Deployment', 'web');
    await breakAndHeal('web');
    await workloads.until(async () => (await healings('web'))[0]?.status.name === 'COMPLETED');
    expect(await healings('web')).toHaveLength(1);
    expect(workloads.changesByHomeostat('deployments', 'web')).toBe(1);
  });

  test('a pod of it cannot write to its own files, and is not root', async () => {
    const [pod] = await podsOf('worker');
    expect(await inside(pod!, 'id', '-u')).toEqual({ status: 'Success', output: '10001' });
    const written = await inside(pod!, 'touch', '/app/x');
    expect(written.status).toBe('Failure');
    expect(written.output).toContain('Read-only file system');
  });

  test('it heals also when the node under the worker dies', async () => {
    const [victim] = await podsOf('worker');
    const node = victim!.spec!.nodeName!;
    // The workload itself is elsewhere: Kubernetes would wait five minutes for its pods on the dead node.
    await core.patchNode(
      { name: node, body: { spec: { unschedulable: true } } },
      setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch),
    );
    await workloads.deploy('Deployment', 'api');
    await holdPart(node, name, true);
    killContainers(platform, node);
    try {
      await breakAndHeal('api');
      expect(workloads.changesByHomeostat('deployments', 'api')).toBe(1);
    } finally {
      await releasePart(node, name);
    }
  });

  test('down leaves nothing', async () => {
    await connection.close();
    await takeDown(name);
    expect(readPlatform(name)).toBeUndefined();
    expect(leftovers(platformPaths(name))).toEqual([]);
  });
});

/** Ends every container of a node at once, as a power cut does. */
function killContainers({ state }: Platform, node: string): void {
  const socket = `${state}/n${node.replace('node-', '')}/containerd.sock`;
  const ctr = (...args: string[]) =>
    execFileSync(findProgram('ctr') ?? 'ctr', ['-a', socket, '-n', 'k8s.io', 'tasks', ...args], {
      encoding: 'utf8',
    });
  for (const task of ctr('list', '-q').trim().split('\n').filter(Boolean)) {
    ctr('kill', '--signal', 'SIGKILL', task);
  }
}
