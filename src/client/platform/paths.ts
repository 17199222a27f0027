import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { badInput } from '../../model/errors';

/** The root of the checkout: where `bin/` and `deploy/` lie, from `src/` and from `dist/` alike. */
export const projectRoot = path.resolve(__dirname, '..', '..', '..');

/** A file shipped under `deploy/`. */
export function shipped(...parts: string[]): string {
  return path.join(projectRoot, 'deploy', ...parts);
}

/** Where platforms keep their state, one folder each. */
export function stateRoot(): string {
  return (
    process.env.HOMEOSTAT_STATE_DIR ??
    path.join(process.env.XDG_STATE_HOME ?? path.join(homedir(), '.local', 'state'), 'homeostat')
  );
}

/** Where everything that was compiled or fetched is kept, shared by all platforms of a user. */
export function cacheRoot(): string {
  return (
    process.env.HOMEOSTAT_CACHE_DIR ??
    path.join(process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache'), 'homeostat')
  );
}

export interface PlatformPaths {
  name: string;
  /** The platform's own folder: everything below is removed by `down`. */
  state: string;
  /** What `up` decided: addresses, ports, kind of cluster. */
  platform: string;
  /** What is wanted now: nodes, parts held down. */
  desired: string;
  /** What is: parts, processes, readiness. Written by the supervisor. */
  status: string;
  logs: string;
  certificates: string;
  /** The network namespace, mounted as a file. */
  network: string;
  adminKubeconfig: string;
  workerKubeconfig: string;
  detectorKubeconfig: string;
  gatewayKubeconfig: string;
  workerConfig: string;
  detectorConfig: string;
  gatewayConfig: string;
  /** Configuration for the CLI and programs. */
  config: string;
  auditLog: string;
  /** The bearer token of the gateway. */
  gatewayToken: string;
  temporalDatabase: string;
  artifacts: string;
  /** Begins the names of its cgroups; another user's platform of the same name has another. */
  cgroup: string;
  node(number: number): string;
}

/** Every place a platform uses, by its name. @throws HomeostatError `bad-input` for an unusable name. */
export function platformPaths(name: string): PlatformPaths {
  if (!/^[a-z]([-a-z0-9]{0,28}[a-z0-9])?$/.test(name)) {
    throw badInput(
      `platform name "${name}"`,
      'use up to 30 lower-case letters, digits and dashes, beginning with a letter',
    );
  }
  const state = path.join(stateRoot(), name);
  const at = (...parts: string[]) => path.join(state, ...parts);
  return {
    name,
    state,
    platform: at('platform.json'),
    desired: at('desired.json'),
    status: at('status.json'),
    logs: at('logs'),
    certificates: at('certificates'),
    network: at(`hs-${name}`),
    adminKubeconfig: at('admin.kubeconfig'),
    workerKubeconfig: at('worker.kubeconfig'),
    detectorKubeconfig: at('detector.kubeconfig'),
    gatewayKubeconfig: at('gateway.kubeconfig'),
    workerConfig: at('worker.yaml'),
    detectorConfig: at('detector.yaml'),
    gatewayConfig: at('gateway.yaml'),
    config: at('homeostat.yaml'),
    auditLog: at('audit.log'),
    gatewayToken: at('gateway.token'),
    temporalDatabase: at('temporal.db'),
    artifacts: at('artifacts'),
    cgroup: `homeostat-${name}-${createHash('sha256').update(state).digest('hex').slice(0, 4)}`,
    node: (number) => at(`n${number}`),
  };
}

/** The names of all platforms that have left any state. */
export function platformNames(): string[] {
  try {
    return readdirSync(stateRoot(), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map((entry) => entry.name)
      .sort();
  } catch {
    return [];
  }
}
