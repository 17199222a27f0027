import { existsSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppsV1Api, CoreV1Api, KubeConfig } from '@kubernetes/client-node';
import { HomeostatError, messageOf } from '../../model/errors';
import { secretVariable } from '../../service/secrets';
import { grantAccess, writeConfigs } from './access';
import { startInCluster } from './in-cluster';
import { applyAll, readManifest } from './manifests';
import { startMonitoring } from './monitoring';
import { nativeCluster, startControlPlane, startProxy } from './native-cluster';
import { createNetwork } from './network';
import { loadImage, nodeName, startKubelet, startRuntime } from './node';
import { type PlatformPaths, platformPaths, projectRoot, shipped } from './paths';
import { answersOk } from './probes';
import { isFulfilled, type PlatformRecord, readRecord } from './records';
import { type Part, Supervisor } from './supervisor';
import { teardown } from './teardown';
import { reachTemporal, temporalPart } from './temporal-server';

/** The supervisor's whole life: bring the platform up, look after it, take it down when told to. */
export async function supervise(name: string): Promise<void> {
  const paths = platformPaths(name);
  const record = readRecord(paths);
  if (!record) throw new HomeostatError('bad-input', `platform "${name}" is not set up: run up`);
  const supervisor = new Supervisor(paths);
  const down = () => {
    supervisor.stop();
    teardown(paths).then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.on('SIGTERM', down);
  process.on('SIGINT', down);
  try {
    const config = await bringUp(supervisor, record, paths);
    supervisor.update({ phase: 'ready', step: 'ready' });
    await followWishes(supervisor, record, paths, config);
  } catch (error) {
    // The parts stay: what was reached is taken up again by the next `up`.
    supervisor.update({ phase: 'failed', error: messageOf(error) });
    for (;;) await sleep(60_000);
  }
}

async function bringUp(
  supervisor: Supervisor,
  record: PlatformRecord,
  paths: PlatformPaths,
): Promise<KubeConfig> {
  supervisor.update({ step: 'starting Temporal and the cluster' });
  const cluster = await connect(record, paths);
  const temporal = temporalPart(record, paths);
  await Promise.all([
    temporal ? supervisor.keep(temporal) : reachTemporal(record.temporal.address),
    startCluster(supervisor, record, paths).then(() => grantAccess(cluster(), paths)),
  ]);
  writeConfigs(record, paths, cluster().getCurrentContext());
  await Promise.all([
    startAgents(supervisor, record, paths, cluster()),
    startWatching(supervisor, record, paths, cluster()),
  ]);
  supervisor.update({ step: 'waiting for the nodes and the DNS' });
  await settled(supervisor, record, cluster());
  return cluster();
}

/** How to talk to the cluster as its administrator; the file may not be there yet. */
async function connect(record: PlatformRecord, paths: PlatformPaths): Promise<() => KubeConfig> {
  let config: KubeConfig | undefined;
  return () => {
    if (!config) {
      config = new KubeConfig();
      config.loadFromFile(paths.adminKubeconfig);
    }
    return config;
  };
}

async function startCluster(
  supervisor: Supervisor,
  record: PlatformRecord,
  paths: PlatformPaths,
): Promise<void> {
  // The others were made by `up`, and look after themselves.
  if (record.cluster.kind !== 'native') return;
  await createNetwork(paths, record.cluster.index);
  const cluster = nativeCluster(paths, record.cluster);
  const numbers = nodeNumbers(supervisor);
  const runtimes = numbers.map((number) => startRuntime(supervisor, cluster, number));
  // Each is awaited below; until then a failure is not an unhandled one.
  for (const runtime of runtimes) runtime.catch(() => undefined);
  await startControlPlane(supervisor, cluster);
  supervisor.update({ step: 'starting the nodes' });
  await Promise.all([
    applyDns(paths, cluster.addresses.dns),
    startProxy(supervisor, cluster),
    ...numbers.map(async (number, index) => {
      await runtimes[index];
      await startKubelet(supervisor, cluster, number);
    }),
  ]);
  supervisor.update({ nodes: numbers.length });
}

async function applyDns(paths: PlatformPaths, dns: string): Promise<void> {
  const config = new KubeConfig();
  config.loadFromFile(paths.adminKubeconfig);
  const manifest = shipped('lab', 'manifests', 'coredns.yaml');
  await applyAll(config, await readManifest(manifest, { CLUSTER_DNS: dns }), paths.name);
}

const nodeNumbers = (supervisor: Supervisor) =>
  Array.from({ length: supervisor.desired().nodes }, (_, index) => index + 1);

async function startAgents(
  supervisor: Supervisor,
  record: PlatformRecord,
  paths: PlatformPaths,
  config: KubeConfig,
): Promise<void> {
  const { bare, inCluster } = supervisor.desired();
  if (bare || supervisor.status.agents) return;
  if (inCluster && record.cluster.kind === 'native') {
    // On all nodes: pods that are made before a node is Ready crowd on the others.
    await settled(supervisor, record, config);
    supervisor.update({ step: 'installing the chart' });
    const cluster = nativeCluster(paths, record.cluster);
    await startInCluster(supervisor, cluster, record, inCluster, config);
    supervisor.update({ agents: true });
    return;
  }
  supervisor.update({ step: 'starting worker, detector and gateway' });
  await Promise.all([
    supervisor.keep(agent('worker', paths.workerConfig, record.ports.worker)),
    supervisor.keep(agent('detector', paths.detectorConfig, record.ports.detector)),
    supervisor.keep(agent('gateway', paths.gatewayConfig, record.ports.gateway)),
  ]);
  supervisor.update({ agents: true });
}

/** Monitoring, where it is wanted. */
async function startWatching(
  supervisor: Supervisor,
  record: PlatformRecord,
  paths: PlatformPaths,
  config: KubeConfig,
): Promise<void> {
  const wanted = supervisor.desired().monitoring && !supervisor.status.monitoring;
  if (!wanted || record.cluster.kind !== 'native') return;
  supervisor.update({ step: 'starting monitoring' });
  await startMonitoring(supervisor, nativeCluster(paths, record.cluster), record, config);
  supervisor.update({ monitoring: true });
}

function agent(name: string, config: string, port: number): Part {
  return {
    name,
    command: [
      process.execPath,
      path.join(projectRoot, 'bin', 'homeostat'),
      name,
      '--config',
      config,
    ],
    // glibc keeps an arena a thread; the native core has many, and would hold some 40 MB for nothing.
    env: { ...withoutOverrides(), MALLOC_ARENA_MAX: '2' },
    ready: () => answersOk(`http://127.0.0.1:${port}/readyz`),
    graceMs: 10_000,
  };
}

/** Temporal's own variables and the token's go before the configuration, and may mean other ones. */
function withoutOverrides(): Record<string, undefined> {
  const names = Object.keys(process.env).filter(
    (name) => name.startsWith('TEMPORAL_') || name === secretVariable.gatewayToken,
  );
  return Object.fromEntries(names.map((name) => [name, undefined]));
}

/** Waits until every node is Ready and names are resolved. */
async function settled(
  supervisor: Supervisor,
  record: PlatformRecord,
  config: KubeConfig,
): Promise<void> {
  if (record.cluster.kind !== 'native') return;
  const core = config.makeApiClient(CoreV1Api);
  const apps = config.makeApiClient(AppsV1Api);
  const names = nodeNumbers(supervisor).map(nodeName);
  for (;;) {
    const ready = await Promise.all([
      core
        .listNode()
        .then(({ items }) =>
          names.every((name) =>
            items
              .find((node) => node.metadata?.name === name)
              ?.status?.conditions?.some(
                ({ type, status }) => type === 'Ready' && status === 'True',
              ),
          ),
        ),
      apps
        .readNamespacedDeployment({ name: 'coredns', namespace: 'kube-system' })
        .then(({ status }) => (status?.availableReplicas ?? 0) >= 1),
    ]).catch(() => [false]);
    if (ready.every(Boolean)) return;
    await sleep(200);
  }
}

/** Adds to the platform what a later `up` asks for. */
async function followWishes(
  supervisor: Supervisor,
  record: PlatformRecord,
  paths: PlatformPaths,
  config: KubeConfig,
): Promise<void> {
  // A state folder that was removed by hand is a platform that nobody wants.
  while (existsSync(paths.state)) {
    if (!isFulfilled(supervisor.desired(), supervisor.status, record)) {
      supervisor.update({ phase: 'starting' });
      await addNodes(supervisor, record, paths, config);
      await startAgents(supervisor, record, paths, config);
      await startWatching(supervisor, record, paths, config);
      supervisor.update({ phase: 'ready', step: 'ready' });
    }
    await sleep(300);
  }
  process.kill(process.pid, 'SIGTERM');
}

async function addNodes(
  supervisor: Supervisor,
  record: PlatformRecord,
  paths: PlatformPaths,
  config: KubeConfig,
): Promise<void> {
  if (record.cluster.kind !== 'native') return;
  const cluster = nativeCluster(paths, record.cluster);
  const numbers = nodeNumbers(supervisor);
  const added = numbers.slice(supervisor.status.nodes);
  const { inCluster } = supervisor.desired();
  if (added.length === 0) return;
  supervisor.update({ step: 'adding nodes' });
  await Promise.all(
    added.map(async (number) => {
      await startRuntime(supervisor, cluster, number);
      if (inCluster) await loadImage(cluster, number, inCluster);
      await startKubelet(supervisor, cluster, number);
    }),
  );
  await settled(supervisor, record, config);
  supervisor.update({ nodes: numbers.length });
}
