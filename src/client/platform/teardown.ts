import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
} from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeConfig } from '@kubernetes/client-node';
import { execa } from 'execa';
import { HomeostatError, unreachable } from '../../model/errors';
import { revokeAccess } from './access';
import { findCgroups, processesIn, removeCgroups } from './cgroups';
import { deleteKindCluster } from './kind-cluster';
import { addressesOf } from './network';
import { findProgram } from './packages';
import { type PlatformPaths, platformNames } from './paths';
import {
  end,
  findProcesses,
  identify,
  isAlive,
  markVariable,
  type ProcessIdentity,
} from './processes';
import { type PlatformRecord, readRecord, readStatus } from './records';

/** Parts that may be in the middle of something outside the platform. */
const polite = ['worker', 'detector', 'gateway', 'temporal'];

/**
 * Ends everything that belongs to a platform and removes its folder. It works from the files, the
 * marks and the kernel alone, so it needs no supervisor; it can be run again after an interruption.
 */
export async function teardown(paths: PlatformPaths): Promise<void> {
  const record = readRecord(paths);
  const parts = readStatus(paths)?.parts ?? [];
  const supervisor = record?.supervisor;
  if (supervisor && supervisor.pid !== process.pid) await end([supervisor], 0);

  const running = (names: (name: string) => boolean) =>
    parts
      .filter((part) => names(part.name))
      .map((part) => part.process)
      .filter((found): found is ProcessIdentity => isAlive(found));
  await end(
    running((name) => polite.includes(name)),
    5_000,
  );
  await end(
    running(() => true),
    0,
  );
  await endUnrecorded(paths);

  const notRevoked = record && (await releaseCluster(record, paths));
  const sockets = shimSockets(paths);
  await unmountAll(paths);
  if (record?.cluster.kind === 'native') await deleteLink(addressesOf(record.cluster.index).link);
  await removeGroups(paths);
  removeTraces(sockets, paths);
  rmSync(paths.state, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });

  const left = leftovers(paths, record);
  if (left.length > 0) {
    throw new HomeostatError('failed', `left behind: ${left.join(', ')}; run down again`);
  }
  if (notRevoked) throw notRevoked;
}

/** What of a platform is still there, for people; nothing after `down`. */
export function leftovers(paths: PlatformPaths, record = readRecord(paths)): string[] {
  const link = record?.cluster.kind === 'native' && addressesOf(record.cluster.index).link;
  return [
    ...unrecorded(paths).map(({ pid }) => `process ${pid}`),
    ...mountsUnder(paths.state).map((mount) => `mount ${mount}`),
    ...groupsOf(paths).map((group) => `cgroup ${group}`),
    ...(link && existsSync(`/sys/class/net/${link}`) ? [`interface ${link}`] : []),
    ...(existsSync(paths.state) ? [`folder ${paths.state}`] : []),
  ];
}

const groupsOf = ({ cgroup }: PlatformPaths) =>
  findCgroups((group) => group.startsWith(`${cgroup}-n`));

/**
 * Processes that are the platform's without a record: those that carry its mark (whatever a part
 * started inherits it), the shims of its container runtimes, and what runs in its cgroups.
 */
function unrecorded(paths: PlatformPaths): ProcessIdentity[] {
  const mark = `${markVariable}=${paths.state}`;
  const marked = findProcesses(
    ({ environment, command }) =>
      environment.includes(mark) ||
      command.some(
        (word) => word.startsWith(`${paths.state}/`) && word.endsWith('containerd.sock'),
      ),
  );
  const contained = groupsOf(paths)
    .flatMap(processesIn)
    .map((pid) => identify(pid))
    .filter((found): found is ProcessIdentity => isAlive(found));
  const all = [...marked, ...contained].filter(({ pid }) => pid !== process.pid);
  return [...new Map(all.map((found) => [found.pid, found])).values()];
}

async function endUnrecorded(paths: PlatformPaths): Promise<void> {
  // What dies may just have started something: look until there is nothing.
  for (let round = 0; round < 20; round += 1) {
    const found = unrecorded(paths);
    if (found.length === 0) return;
    await end(found, 0);
  }
}

/** A cluster that is not made of our processes. One of the user's that is away keeps our rights: the error. */
async function releaseCluster(
  record: PlatformRecord,
  paths: PlatformPaths,
): Promise<HomeostatError | undefined> {
  const { cluster } = record;
  if (cluster.kind === 'kind') await deleteKindCluster(cluster.cluster, paths);
  if (cluster.kind === 'context' && existsSync(paths.adminKubeconfig)) {
    const config = new KubeConfig();
    config.loadFromFile(paths.adminKubeconfig);
    try {
      await revokeAccess(config, paths);
    } catch (error) {
      const mend = `delete what bears the label homeostat.dev/platform=${paths.name} there yourself`;
      return unreachable(`the cluster of context ${cluster.context}`, mend, error);
    }
  }
  return undefined;
}

function mountsUnder(folder: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => (line.split(' ')[4] ?? '').replaceAll('\\040', ' '))
    .filter((mount) => mount.startsWith(`${folder}/`))
    .reverse();
}

async function unmountAll(paths: PlatformPaths): Promise<void> {
  const umount = findProgram('umount') ?? 'umount';
  for (let round = 0; round < 5; round += 1) {
    const mounts = mountsUnder(paths.state);
    if (mounts.length === 0) return;
    // Lazily on the later rounds: a process that ends may still hold one.
    const how = round === 0 ? [] : ['-l'];
    await execa(umount, [...how, ...mounts], { reject: false });
  }
}

async function deleteLink(link: string): Promise<void> {
  if (!existsSync(`/sys/class/net/${link}`)) return;
  await execa(findProgram('ip') ?? 'ip', ['link', 'delete', link], { reject: false });
}

/** The kernel empties a cgroup a moment after its last process has ended. */
async function removeGroups(paths: PlatformPaths): Promise<void> {
  for (let round = 0; round < 50; round += 1) {
    const groups = groupsOf(paths);
    if (groups.length === 0) return;
    groups.forEach(removeCgroups);
    await sleep(round === 0 ? 0 : 50);
  }
}

/** Where the shims listen: their bundles say so. */
function shimSockets(paths: PlatformPaths): string[] {
  if (!existsSync(paths.state)) return [];
  return readdirSync(paths.state)
    .filter((entry) => /^n\d+$/.test(entry))
    .map((node) => path.join(paths.state, node, 'state/io.containerd.runtime.v2.task/k8s.io'))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((id) => path.join(folder, id, 'address')))
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, 'utf8').replace(/^unix:\/\//, ''));
}

/** What containerd and the kubelet put into folders of the host whatever they are told. */
function removeTraces(sockets: string[], paths: PlatformPaths): void {
  for (const socket of sockets) rmSync(socket, { force: true });
  const logs = '/var/log/containers';
  if (existsSync(logs)) {
    for (const entry of readdirSync(logs).map((name) => path.join(logs, name))) {
      const ours = lstatSync(entry).isSymbolicLink() && readlinkSync(entry).startsWith(paths.state);
      if (ours) rmSync(entry, { force: true });
    }
  }
  removeKubeletFolder(paths);
  for (const folder of [logs, '/run/containerd/s', '/run/containerd']) {
    try {
      rmdirSync(folder);
    } catch {
      // Not empty: someone else's too. Or not there.
    }
  }
}

/** The kubelet's socket for devices has a fixed place; a host with a kubelet of its own has more there. */
function removeKubeletFolder(paths: PlatformPaths): void {
  const folder = '/var/lib/kubelet';
  const others = platformNames().some((name) => name !== paths.name);
  if (others || !existsSync(folder)) return;
  if (readdirSync(folder).every((entry) => entry === 'device-plugins')) {
    rmSync(folder, { recursive: true, force: true });
  }
}
