import { readJson, writeJson } from './files';
import type { PlatformPaths } from './paths';
import type { ProcessIdentity } from './processes';

/** What `up` decided once for a platform; kept until `down`. */
export interface PlatformRecord {
  name: string;
  createdAt: string;
  cluster:
    | { kind: 'native'; index: number; programs: string; images: string }
    | { kind: 'kind'; cluster: string }
    | { kind: 'context'; context: string; kubeconfig?: string };
  temporal: {
    address: string;
    namespace: string;
    ui: string | null;
    /** Absent where the server is the user's own. */
    server?: { executable: string; port: number; uiPort: number };
  };
  /** Where worker, detector and gateway listen. */
  ports: { gateway: number; worker: number; detector: number };
  supervisor?: ProcessIdentity;
}

/** What is wanted now; the supervisor makes it so. */
export interface Desired {
  nodes: number;
  bare: boolean;
  /** Prometheus, Alertmanager, kube-state-metrics and metrics-server; absent in older folders. */
  monitoring?: boolean;
  /** The image that runs in the cluster, instead of worker, detector and gateway as processes. */
  inCluster?: { file: string; repository: string; tag: string };
  /** Parts held down, and whether they are to be killed rather than asked to end. */
  held: { part: string; kill: boolean }[];
}

export interface PartStatus {
  name: string;
  ready: boolean;
  held: boolean;
  restarts: number;
  /** Something else keeps it running: it has no process here. */
  observed?: boolean;
  process?: ProcessIdentity;
}

/** What is, as the supervisor sees it. */
export interface Status {
  phase: 'starting' | 'ready' | 'failed';
  /** What is being done, for people. */
  step: string;
  error?: string;
  /** Nodes asked for and Ready once. */
  nodes: number;
  /** Whether worker and detector were started. */
  agents: boolean;
  /** Whether monitoring was started. */
  monitoring?: boolean;
  parts: PartStatus[];
}

/** Whether all that is wanted has been started. */
export function isFulfilled(
  desired: Desired,
  status: Status,
  { cluster }: PlatformRecord,
): boolean {
  const nodes = cluster.kind !== 'native' || status.nodes >= desired.nodes;
  const agents = desired.bare || status.agents;
  const monitoring = !desired.monitoring || status.monitoring === true;
  return nodes && agents && monitoring;
}

export const readRecord = (paths: PlatformPaths) => readJson<PlatformRecord>(paths.platform);
export const writeRecord = (paths: PlatformPaths, record: PlatformRecord) =>
  writeJson(paths.platform, record);
export const readDesired = (paths: PlatformPaths) => readJson<Desired>(paths.desired);
export const writeDesired = (paths: PlatformPaths, desired: Desired) =>
  writeJson(paths.desired, desired);
export const readStatus = (paths: PlatformPaths) => readJson<Status>(paths.status);
export const writeStatus = (paths: PlatformPaths, status: Status) =>
  writeJson(paths.status, status);
