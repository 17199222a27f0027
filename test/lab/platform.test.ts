import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';
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
import { describeLab, lab } from '../support/lab';

const name = 'apart';

async function until(what: string, holds: () => boolean | Promise<boolean>, withinMs = 60_000) {
  const deadline = Date.now() + withinMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await sleep(200);
  }
}

function apart(): Platform {
  const platform = readPlatform(name);
  if (!platform) throw new Error('the platform is gone');
  return platform;
}

const pidOf = (part: string) =>
  apart().parts.find((found) => found.name === part)?.pid ?? undefined;

function core(platform: Platform): CoreV1Api {
  const config = new KubeConfig();
  config.loadFromFile(platform.cluster.kubeconfig);
  return config.makeApiClient(CoreV1Api);
}

async function nodeIsReady(node: string): Promise<boolean> {
  const { status } = await core(apart()).readNode({ name: node });
  return !!status?.conditions?.some((one) => one.type === 'Ready' && one.status === 'True');
}

describeLab('the local platform', () => {
  beforeAll(() => ensureUp({ name, bare: true }));
  afterAll(() => takeDown(name));

  test('up twice is harmless', async () => {
    const before = apart();
    const again = await ensureUp({ name, bare: true });
    expect(again.ready).toBe(true);
    expect(again.parts).toEqual(before.parts);
    expect(again.supervisor).toEqual(before.supervisor);
  });

  test('a part that dies is started again, with the same data', async () => {
    await core(apart()).createNamespace({ body: { metadata: { name: 'kept' } } });
    for (const part of ['etcd', 'kube-apiserver', 'temporal']) {
      const killed = pidOf(part) as number;
      process.kill(killed, 'SIGKILL');
      await until(`${part} is back`, () => apart().ready && pidOf(part) !== killed);
    }
    const kept = await core(apart()).readNamespace({ name: 'kept' });
    expect(kept.status?.phase).toBe('Active');
  });

  test('a node that is stopped alone goes NotReady, and returns', async () => {
    await holdPart('node-2', name, true);
    expect(apart().ready).toBe(false);
    await until('node-2 is NotReady', async () => !(await nodeIsReady('node-2')));
    expect(await nodeIsReady('node-1')).toBe(true);
    expect(pidOf('node-2/containerd')).toBeDefined();
    await releasePart('node-2', name);
    await until('node-2 is Ready', () => nodeIsReady('node-2'));
    expect(apart().ready).toBe(true);
  });

  test('two platforms share nothing', async () => {
    const other = lab();
    expect(other.temporal.address).not.toBe(apart().temporal.address);
    expect(other.cluster.services).not.toBe(apart().cluster.services);
    const pids = new Set(other.parts.map(({ pid }) => pid));
    expect(apart().parts.filter(({ pid }) => pids.has(pid))).toEqual([]);
    const namespaces = await core(other).listNamespace();
    expect(namespaces.items.map(({ metadata }) => metadata?.name)).not.toContain('kept');
  });

  test('a supervisor that is killed is followed by one that adopts the parts', async () => {
    const before = apart();
    process.kill(before.supervisor.pid as number, 'SIGKILL');
    await until('it is noticed', () => !apart().ready);
    const after = await ensureUp({ name, bare: true });
    expect(after.parts.map(({ pid }) => pid)).toEqual(before.parts.map(({ pid }) => pid));
  });

  test('down leaves nothing, even when the supervisor was killed', async () => {
    process.kill(apart().supervisor.pid as number, 'SIGKILL');
    await takeDown(name);
    expect(readPlatform(name)).toBeUndefined();
    expect(leftovers(platformPaths(name))).toEqual([]);
    expect(existsSync(platformPaths(name).state)).toBe(false);
    expect(lab().ready).toBe(true);
    expect(await takeDown(name)).toBe(false);
  });
});
