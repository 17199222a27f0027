import { readFileSync } from 'node:fs';
import { clusterName } from './access';
import { addressesOf, gatewayUrl, monitoringUrls } from './network';
import { nodeName } from './node';
import { type PlatformPaths, platformPaths } from './paths';
import { isAlive } from './processes';
import { type PlatformRecord, readDesired, readRecord, readStatus, type Status } from './records';

/** A platform as programs see it: where everything is, and whether it is ready. */
export interface Platform {
  name: string;
  ready: boolean;
  /** What is being done, for people. */
  step: string;
  error?: string;
  temporal: { address: string; namespace: string; ui: string | null };
  cluster: {
    name: string;
    kind: PlatformRecord['cluster']['kind'];
    /** Of the administrator. */
    kubeconfig: string;
    context: string;
    /** Every request to the API server, one JSON document a line; absent for a cluster of the user's. */
    auditLog: string | null;
    nodes: string[];
    /** An address of the host's network at which NodePorts answer, and the network of the Services. */
    nodeAddress: string | null;
    services: string | null;
    /** The network namespace of the cluster: `nsenter --net=<file>` goes inside. */
    network: string | null;
    workerKubeconfig: string;
    detectorKubeconfig: string;
    gatewayKubeconfig: string;
  };
  /** Where alerts go and the API is, and the bearer token for both; null where no gateway was started. */
  gateway: { url: string | null; token: string | null };
  /** Where monitoring answers, from the host and from pods. */
  monitoring: { prometheus: string; alertmanager: string } | null;
  worker: { url: string };
  detector: { url: string };
  /** Configuration files for the CLI and the parts. */
  configs: { cli: string; worker: string; detector: string; gateway: string };
  state: string;
  logs: string;
  supervisor: { pid: number | null };
  parts: { name: string; ready: boolean; held: boolean; restarts: number; pid: number | null }[];
}

/** The platform with this name as it is now; nothing when there is none. */
export function readPlatform(name = 'default'): Platform | undefined {
  const paths = platformPaths(name);
  const record = readRecord(paths);
  if (!record) return undefined;
  const status = readStatus(paths);
  const supervised = isAlive(record.supervisor);
  const parts = (status?.parts ?? []).map(
    ({ name: part, ready, held, restarts, observed, process }) => {
      const alive = isAlive(process);
      return {
        name: part,
        ready: supervised && ready && (alive || observed === true),
        held,
        restarts,
        pid: alive ? (process?.pid ?? null) : null,
      };
    },
  );
  return {
    name,
    ready: supervised && status?.phase === 'ready' && parts.every((part) => part.ready),
    step: describeStep(status, parts, supervised),
    ...(status?.error && status.phase === 'failed' && { error: status.error }),
    temporal: {
      address: record.temporal.address,
      namespace: record.temporal.namespace,
      ui: record.temporal.ui,
    },
    cluster: describeCluster(record, paths),
    gateway: describeGateway(record, paths, status),
    monitoring: describeMonitoring(record, paths),
    worker: { url: `http://127.0.0.1:${record.ports.worker}` },
    detector: { url: `http://127.0.0.1:${record.ports.detector}` },
    configs: {
      cli: paths.config,
      worker: paths.workerConfig,
      detector: paths.detectorConfig,
      gateway: paths.gatewayConfig,
    },
    state: paths.state,
    logs: paths.logs,
    supervisor: { pid: supervised ? (record.supervisor?.pid ?? null) : null },
    parts,
  };
}

function describeMonitoring(record: PlatformRecord, paths: PlatformPaths): Platform['monitoring'] {
  if (!readDesired(paths)?.monitoring || record.cluster.kind !== 'native') return null;
  return monitoringUrls(addressesOf(record.cluster.index));
}

function describeGateway(
  record: PlatformRecord,
  paths: PlatformPaths,
  status: Status | undefined,
): Platform['gateway'] {
  const started = status?.parts.some(({ name }) => name === 'gateway') ?? false;
  if (!started) return { url: null, token: null };
  return {
    url: gatewayUrl(record, readDesired(paths)?.inCluster !== undefined),
    token: readFileSync(paths.gatewayToken, 'utf8').trim(),
  };
}

function describeStep(
  status: Status | undefined,
  parts: Platform['parts'],
  supervised: boolean,
): string {
  if (!supervised) return 'the supervisor is gone: run up to go on, or down';
  const waiting = parts.filter((part) => !part.ready);
  if (status?.phase !== 'ready' || waiting.length === 0) return status?.step ?? 'starting';
  const named = waiting.map((part) => (part.held ? `${part.name} (held down)` : part.name));
  return `not ready: ${named.join(', ')}`;
}

function describeCluster(record: PlatformRecord, paths: PlatformPaths): Platform['cluster'] {
  const { cluster, name } = record;
  const common = {
    name: clusterName(name),
    kind: cluster.kind,
    kubeconfig: paths.adminKubeconfig,
    workerKubeconfig: paths.workerKubeconfig,
    detectorKubeconfig: paths.detectorKubeconfig,
    gatewayKubeconfig: paths.gatewayKubeconfig,
  };
  const count = readDesired(paths)?.nodes ?? 3;
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  const nowhere = { nodeAddress: null, services: null, network: null };
  switch (cluster.kind) {
    case 'native': {
      const addresses = addressesOf(cluster.index);
      return {
        ...common,
        context: `homeostat-${name}`,
        auditLog: paths.auditLog,
        nodes: numbers.map(nodeName),
        nodeAddress: addresses.node(1),
        services: addresses.services,
        network: paths.network,
      };
    }
    case 'kind':
      return {
        ...common,
        ...nowhere,
        context: `kind-${cluster.cluster}`,
        auditLog: paths.auditLog,
        nodes: numbers.map((number) => `${cluster.cluster}-worker${number > 1 ? number : ''}`),
      };
    case 'context':
      return { ...common, ...nowhere, context: cluster.context, auditLog: null, nodes: [] };
  }
}
