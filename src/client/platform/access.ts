import { mkdirSync } from 'node:fs';
import { CoreV1Api, type KubeConfig } from '@kubernetes/client-node';
import { stringify } from 'yaml';
import { writeWhole } from './files';
import { writeKubeconfig } from './kubeconfig';
import { applyAll, deleteOurs, readManifest } from './manifests';
import { type PlatformPaths, shipped } from './paths';
import type { PlatformRecord } from './records';

const namespace = 'homeostat';
const yearSeconds = 365 * 24 * 3_600;

/** What deploy/ ships, and nothing more: the rights of worker and detector. */
async function rights() {
  const files = ['namespace', 'worker', 'detector'].map((name) => shipped('rbac', `${name}.yaml`));
  return (await Promise.all(files.map((file) => readManifest(file)))).flat();
}

/** Gives worker and detector a service account each, and a kubeconfig that acts as it. */
export async function grantAccess(config: KubeConfig, paths: PlatformPaths): Promise<void> {
  await applyAll(config, await rights(), paths.name);
  await Promise.all([
    writeTokenKubeconfig(config, 'homeostat-worker', paths.workerKubeconfig),
    writeTokenKubeconfig(config, 'homeostat-detector', paths.detectorKubeconfig),
  ]);
}

/** Takes back what `grantAccess` made, from a cluster that stays. */
export async function revokeAccess(config: KubeConfig, paths: PlatformPaths): Promise<void> {
  await deleteOurs(config, await rights(), paths.name);
}

async function writeTokenKubeconfig(
  config: KubeConfig,
  serviceAccount: string,
  file: string,
): Promise<void> {
  const { status } = await config.makeApiClient(CoreV1Api).createNamespacedServiceAccountToken({
    namespace,
    name: serviceAccount,
    body: {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences: [], expirationSeconds: yearSeconds },
    },
  });
  const cluster = config.getCurrentCluster();
  if (!cluster || !status) throw new Error(`no token for ${serviceAccount}`);
  const authority = cluster.caData;
  writeKubeconfig(
    file,
    {
      name: config.getCurrentContext(),
      server: cluster.server,
      ...(authority && { authority }),
      insecure: cluster.skipTLSVerify,
    },
    serviceAccount,
    { token: status.token },
  );
}

/** Writes the configuration of worker, detector and the CLI for this platform. */
export function writeConfigs(record: PlatformRecord, paths: PlatformPaths, context: string): void {
  mkdirSync(paths.artifacts, { recursive: true });
  const { address, namespace: temporalNamespace, ui } = record.temporal;
  const write = (file: string, kubeconfig: string) =>
    writeWhole(
      file,
      stringify({
        cluster: { name: clusterName(record.name), kubeconfig, context },
        temporal: {
          address,
          namespace: temporalNamespace,
          taskQueue: 'homeostat',
          ...(ui && { ui }),
        },
        worker: { listen: `127.0.0.1:${record.ports.worker}` },
        detector: { listen: `127.0.0.1:${record.ports.detector}` },
        artifacts: { directory: paths.artifacts },
        // In a lab, faults follow each other faster than in production.
        healing: { soak: '5s' },
        governor: { coolDown: '5s', attemptsPerHour: 20 },
      }),
    );
  write(paths.workerConfig, paths.workerKubeconfig);
  write(paths.detectorConfig, paths.detectorKubeconfig);
  write(paths.config, paths.adminKubeconfig);
}

/** The cluster's name in workflow ids and marks. */
export const clusterName = (platform: string) => (platform === 'default' ? 'lab' : platform);
