import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeConfig } from '@kubernetes/client-node';
import { badInput, HomeostatError } from '../../model/errors';
import { nativeObstacle } from './availability';
import { writeWhole } from './files';
import type { HomeostatImage } from './homeostat-image';
import { buildImages } from './images';
import { prepareInCluster } from './in-cluster';
import { createKindCluster, dockerAnswers, findKind } from './kind-cluster';
import { withLock } from './lock';
import { prepareMonitoring } from './monitoring';
import { allowWatchers, createNetwork, freeIndex } from './network';
import { installPackages, missingPackages, staticBusybox } from './packages';
import { cacheRoot, type PlatformPaths, platformPaths, projectRoot } from './paths';
import { type Platform, readPlatform } from './platform';
import { agentPorts, allPorts, choosePorts } from './ports';
import { end, identify, isAlive, markVariable } from './processes';
import { buildLabPrograms, buildPrograms } from './programs';
import type { Progress } from './progress';
import {
  isFulfilled,
  type PlatformRecord,
  readDesired,
  readRecord,
  readStatus,
  writeDesired,
  writeRecord,
} from './records';
import { teardown } from './teardown';
import { findTemporal, reachTemporal } from './temporal-server';

export interface UpOptions {
  name?: string;
  /** A cluster of the user's, by its context, instead of one made here. */
  context?: string;
  kubeconfig?: string;
  /** Temporal and the cluster only: no worker, no detector, no gateway. */
  bare?: boolean;
  /** Prometheus with alerts, Alertmanager, kube-state-metrics and metrics-server too. */
  monitoring?: boolean;
  /** Worker, detector and gateway in the cluster, by the chart, instead of as processes. */
  inCluster?: boolean;
  /** 3 to 5; more than the platform has are added to it. */
  nodes?: number;
  /** A Temporal server of the user's. */
  temporalAddress?: string;
  temporalPort?: number;
  uiPort?: number;
  progress?: Progress;
  /** How long starting may take once everything is built. */
  timeoutMs?: number;
}

/** Platforms are set up, changed and taken down one at a time. */
export const withPlatformLock = <T>(work: () => Promise<T>): Promise<T> =>
  withLock(path.join(cacheRoot(), '.platforms.lock'), work);

/**
 * Brings a platform up and returns it when every part is ready. Harmless when it is up already;
 * a set-up that was broken off is taken up again; nodes and the parts are added to one
 * that runs without them.
 */
export async function ensureUp(options: UpOptions = {}): Promise<Platform> {
  const paths = platformPaths(options.name ?? 'default');
  const progress = options.progress ?? (() => undefined);
  checkOptions(options);
  const running = readRecord(paths);
  if (running) refuseElsewhere(options, running.cluster.kind);
  if (!running || !isAlive(running.supervisor)) {
    const prepared = await prepare(options, running, progress);
    await withPlatformLock(() => begin(paths, options, prepared, progress));
  }
  if (options.monitoring) await prepareMonitoring(progress);
  const image = options.inCluster ? await prepareInCluster(progress) : undefined;
  await withPlatformLock(() => wish(paths, options, image));
  return follow(paths, progress, options.timeoutMs ?? 180_000);
}

function checkOptions({ nodes, bare, inCluster, context, kubeconfig }: UpOptions): void {
  if (nodes !== undefined && !(Number.isInteger(nodes) && nodes >= 3 && nodes <= 5)) {
    throw badInput(`--nodes ${nodes}`, 'give 3, 4 or 5');
  }
  if (bare && inCluster) throw badInput('--bare with --in-cluster', 'give one of them');
  if (kubeconfig && !context) throw badInput('--kubeconfig without --context', 'name the context');
}

/** Some parts join the network of the cluster, which only a native one lets them. */
function refuseElsewhere(options: UpOptions, kind: PlatformRecord['cluster']['kind']): void {
  const asked = options.monitoring
    ? '--monitoring'
    : options.inCluster
      ? '--in-cluster'
      : undefined;
  if (kind === 'native' || !asked) return;
  throw badInput(
    `${asked} on a cluster ${kind === 'kind' ? 'made by kind' : 'of yours'}`,
    'leave it out; docs/install.md says how to do it there',
  );
}

/** A Unix socket's path has at most 107 bytes, and the kubelet's adds 45 to it. */
const longestState = 62;

interface Prepared {
  temporal?: string;
  cluster:
    | { kind: 'native'; programs: string; images: string }
    | { kind: 'kind'; images: string }
    | { kind: 'context'; config: KubeConfig };
}

/** Everything that is fetched or compiled; at the first time minutes, later a look at the cache. */
async function prepare(
  options: UpOptions,
  record: PlatformRecord | undefined,
  progress: Progress,
): Promise<Prepared> {
  const plan = planCluster(options, record);
  refuseElsewhere(options, plan.kind);
  const { server, address } = record?.temporal ?? { address: options.temporalAddress };
  const ownTemporal = server ? undefined : address;
  if (ownTemporal) await reachTemporal(ownTemporal);
  progress('looking at the cache');
  const [temporal, cluster] = await Promise.all([
    ownTemporal ? undefined : findTemporal(progress),
    prepareCluster(plan, progress),
  ]);
  return { temporal, cluster };
}

type Plan = { kind: 'native' } | { kind: 'kind' } | { kind: 'context'; config: KubeConfig };

/** Where the cluster comes from; what stands in the way is said before anything is fetched. */
function planCluster(options: UpOptions, record: PlatformRecord | undefined): Plan {
  const known = record?.cluster;
  if (known?.kind === 'context') {
    return { kind: 'context', config: readContext(known.context, known.kubeconfig) };
  }
  if (!known && options.context) {
    return { kind: 'context', config: readContext(options.context, options.kubeconfig) };
  }
  if ((known?.kind ?? (dockerAnswers() ? 'kind' : 'native')) === 'kind') return { kind: 'kind' };
  const { state } = platformPaths(options.name ?? 'default');
  if (Buffer.byteLength(state) > longestState) {
    throw badInput(
      `the state folder ${state}`,
      `its path is too long for the sockets in it: set HOMEOSTAT_STATE_DIR to one of less than ${longestState} bytes`,
    );
  }
  const obstacle = nativeObstacle();
  if (obstacle) {
    throw badInput(
      `no cluster can be made here: ${obstacle}`,
      'start Docker, run as root, or give --context',
    );
  }
  return { kind: 'native' };
}

async function prepareCluster(plan: Plan, progress: Progress): Promise<Prepared['cluster']> {
  switch (plan.kind) {
    case 'context':
      return plan;
    case 'kind': {
      await installPackages(staticBusybox() ? [] : ['busybox-static'], progress);
      const lab = await buildLabPrograms(progress);
      return { kind: 'kind', images: await buildImages({ lab }, progress) };
    }
    case 'native': {
      const [programs] = await Promise.all([
        buildPrograms(progress),
        installPackages(missingPackages(), progress),
      ]);
      const images = await buildImages(programs, progress);
      return { kind: 'native', programs: programs.kubernetes, images };
    }
  }
}

function readContext(context: string, kubeconfig: string | undefined): KubeConfig {
  const config = new KubeConfig();
  if (kubeconfig && !existsSync(kubeconfig)) {
    throw badInput(`--kubeconfig ${kubeconfig}`, 'there is no such file');
  }
  if (kubeconfig) config.loadFromFile(kubeconfig);
  else config.loadFromDefault();
  if (!config.getContextObject(context)) {
    const known = config.contexts.map(({ name }) => name).join(', ') || 'none';
    throw badInput(`--context ${context}`, `the kubeconfig has no such context (it has: ${known})`);
  }
  config.setCurrentContext(context);
  return config;
}

/** Decides what is not decided yet, and starts the supervisor; someone else may have been first. */
async function begin(
  paths: PlatformPaths,
  options: UpOptions,
  prepared: Prepared,
  progress: Progress,
): Promise<void> {
  const known = readRecord(paths);
  if (known && isAlive(known.supervisor)) return;
  // A folder without a record is what an interruption left before anything was decided.
  if (!known && existsSync(paths.state)) await teardown(paths);
  const record = known ? renew(known, prepared) : await decide(paths, options, prepared, progress);
  mkdirSync(paths.state, { recursive: true, mode: 0o700 });
  writeRecord(paths, record);
  if (!readDesired(paths)) {
    writeDesired(paths, {
      nodes: options.nodes ?? 3,
      bare: options.bare ?? options.inCluster ?? false,
      held: [],
    });
  }
  if (record.cluster.kind === 'native') {
    allowWatchers(progress);
    await createNetwork(paths, record.cluster.index);
  }
  if (prepared.cluster.kind === 'context') {
    writeWhole(paths.adminKubeconfig, onlyCurrent(prepared.cluster.config));
  }
  if (record.cluster.kind === 'kind' && prepared.cluster.kind === 'kind') {
    const kind = await findKind(progress);
    const nodes = options.nodes ?? 3;
    await createKindCluster(
      kind,
      record.cluster.cluster,
      nodes,
      prepared.cluster.images,
      paths,
      progress,
    );
  }
  writeRecord(paths, { ...record, supervisor: startSupervisor(paths) });
}

/** The cache may have moved on since the platform was set up. */
function renew(record: PlatformRecord, { cluster, temporal }: Prepared): PlatformRecord {
  const server = record.temporal.server;
  return {
    ...record,
    cluster:
      record.cluster.kind === 'native' && cluster.kind === 'native'
        ? { ...record.cluster, programs: cluster.programs, images: cluster.images }
        : record.cluster,
    temporal: {
      ...record.temporal,
      ...(server && { server: { ...server, executable: temporal ?? server.executable } }),
    },
  };
}

async function decide(
  paths: PlatformPaths,
  options: UpOptions,
  prepared: Prepared,
  progress: Progress,
): Promise<PlatformRecord> {
  const asked = {
    ...(options.temporalPort !== undefined && { temporal: options.temporalPort }),
    ...(options.uiPort !== undefined && { ui: options.uiPort }),
  };
  const needed = options.temporalAddress ? agentPorts : allPorts;
  const { temporal, ui, ...ports } = await choosePorts(paths.name, needed, asked, progress);
  return {
    name: paths.name,
    createdAt: new Date().toISOString(),
    cluster: decideCluster(paths, options, prepared.cluster),
    temporal: options.temporalAddress
      ? { address: options.temporalAddress, namespace: 'default', ui: null }
      : {
          address: `127.0.0.1:${temporal}`,
          namespace: 'default',
          ui: `http://127.0.0.1:${ui}`,
          server: { executable: prepared.temporal ?? 'temporal', port: temporal, uiPort: ui },
        },
    ports,
  };
}

function decideCluster(
  paths: PlatformPaths,
  options: UpOptions,
  cluster: Prepared['cluster'],
): PlatformRecord['cluster'] {
  switch (cluster.kind) {
    case 'native':
      return { ...cluster, index: freeIndex() };
    case 'kind':
      return { kind: 'kind', cluster: `homeostat-${paths.name}` };
    case 'context':
      return {
        kind: 'context',
        context: cluster.config.getCurrentContext(),
        ...(options.kubeconfig && { kubeconfig: path.resolve(options.kubeconfig) }),
      };
  }
}

/** A kubeconfig with nothing but its current context. */
function onlyCurrent(config: KubeConfig): string {
  const one = new KubeConfig();
  const [cluster, user] = [config.getCurrentCluster(), config.getCurrentUser()];
  one.loadFromOptions({
    clusters: cluster ? [cluster] : [],
    users: user ? [user] : [],
    contexts: config.contexts.filter(({ name }) => name === config.getCurrentContext()),
    currentContext: config.getCurrentContext(),
  });
  return one.exportConfig();
}

function startSupervisor(paths: PlatformPaths) {
  mkdirSync(paths.logs, { recursive: true });
  const log = openSync(path.join(paths.logs, 'supervisor.log'), 'a', 0o600);
  const program = path.join(projectRoot, 'bin', 'homeostat');
  const child = spawn(process.execPath, [program, 'supervise', '--name', paths.name], {
    detached: true,
    cwd: projectRoot,
    stdio: ['ignore', log, log],
    env: { ...process.env, [markVariable]: paths.state },
  });
  closeSync(log);
  child.unref();
  return child.pid === undefined ? undefined : identify(child.pid);
}

/** What is wanted on top of what runs; a set-up that failed is begun again by a new supervisor. */
async function wish(
  paths: PlatformPaths,
  options: UpOptions,
  image: HomeostatImage | undefined,
): Promise<void> {
  const desired = readDesired(paths);
  const record = readRecord(paths);
  if (!desired || !record) return;
  if (image && !desired.bare && !desired.inCluster) {
    throw badInput(
      '--in-cluster on a platform whose worker and detector run as processes',
      `homeostat down --name ${paths.name} first, or give another --name`,
    );
  }
  writeDesired(paths, {
    ...desired,
    nodes: Math.max(desired.nodes, options.nodes ?? 0),
    bare: desired.bare && (options.bare ?? false),
    inCluster: image ?? desired.inCluster,
    monitoring: desired.monitoring || options.monitoring || false,
  });
  if (readStatus(paths)?.phase === 'failed' && record.supervisor) {
    await end([record.supervisor], 0);
    writeRecord(paths, { ...record, supervisor: startSupervisor(paths) });
    await sleep(1_000);
  }
}

/** Shows what the supervisor does until all is ready. */
async function follow(
  paths: PlatformPaths,
  progress: Progress,
  timeoutMs: number,
): Promise<Platform> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const status = readStatus(paths);
    const platform = readPlatform(paths.name);
    if (!platform) throw new HomeostatError('failed', `platform "${paths.name}" was taken down`);
    if (platform.ready && enough(paths)) return platform;
    if (!isAlive(readRecord(paths)?.supervisor)) {
      throw new HomeostatError(
        'failed',
        `the supervisor ended: ${lastLines(paths, 'supervisor')}; run up again`,
      );
    }
    if (status?.phase === 'failed') {
      throw new HomeostatError(
        'failed',
        `${status.error ?? 'unknown'}; run up again, it goes on from here`,
      );
    }
    if (Date.now() > deadline) throw notReady(paths, platform);
    if (status && status.phase !== 'ready') progress(status.step);
    await sleep(100);
  }
}

/** Whether the supervisor has done what was wished. */
function enough(paths: PlatformPaths): boolean {
  const [desired, status, record] = [readDesired(paths), readStatus(paths), readRecord(paths)];
  return desired && status && record ? isFulfilled(desired, status, record) : false;
}

function notReady(paths: PlatformPaths, platform: Platform): HomeostatError {
  const waiting = platform.parts.filter((part) => !part.ready).map((part) => part.name);
  const held = platform.parts.filter((part) => part.held).map((part) => part.name);
  const [first] = waiting;
  const why = first ? `: ${lastLines(paths, first.replaceAll('/', '-'))}` : '';
  const mend = held.length > 0 ? `run homeostat lab start ${held[0]}` : `see ${paths.logs}`;
  return new HomeostatError(
    'failed',
    `not ready in time (${platform.step}): ${waiting.join(', ') || 'the nodes'}${why}; ${mend}`,
  );
}

function lastLines(paths: PlatformPaths, log: string): string {
  try {
    const lines = readFileSync(path.join(paths.logs, `${log}.log`), 'utf8')
      .trim()
      .split('\n');
    return lines.slice(-2).join(' | ').slice(-400);
  } catch {
    return 'no log';
  }
}
