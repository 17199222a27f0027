import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import { CoreV1Api, type KubeConfig } from '@kubernetes/client-node';
import { stringify } from 'yaml';
import { writeWhole } from './files';
import { writeKubeconfig } from './kubeconfig';
import { applyAll, deleteOurs, readManifest } from './manifests';
import { addressesOf, monitoringUrls } from './network';
import { type PlatformPaths, shipped } from './paths';
import { type PlatformRecord, readDesired } from './records';

/** Where the accounts of Homeostat live, and its pods where it runs in the cluster. */
export const homeostatNamespace = 'homeostat';
const yearSeconds = 365 * 24 * 3_600;

/** What deploy/ ships, and nothing more: the rights of worker, detector and gateway. */
async function rights() {
  const files = ['namespace', 'worker', 'detector', 'gateway'].map((name) =>
    shipped('rbac', `${name}.yaml`),
  );
  return (await Promise.all(files.map((file) => readManifest(file)))).flat();
}

/** Gives worker, detector and gateway a service account each, and a kubeconfig that acts as it. */
export async function grantAccess(config: KubeConfig, paths: PlatformPaths): Promise<void> {
  await applyAll(config, await rights(), paths.name);
  await Promise.all([
    writeAccountKubeconfig(config, homeostatNamespace, 'homeostat-worker', paths.workerKubeconfig),
    writeAccountKubeconfig(
      config,
      homeostatNamespace,
      'homeostat-detector',
      paths.detectorKubeconfig,
    ),
    writeAccountKubeconfig(
      config,
      homeostatNamespace,
      'homeostat-gateway',
      paths.gatewayKubeconfig,
    ),
  ]);
}

/** Takes back what `grantAccess` made, from a cluster that stays. */
export async function revokeAccess(config: KubeConfig, paths: PlatformPaths): Promise<void> {
  await deleteOurs(config, await rights(), paths.name);
}

/** Writes a kubeconfig that acts as a service account. */
export async function writeAccountKubeconfig(
  config: KubeConfig,
  accountNamespace: string,
  account: string,
  file: string,
): Promise<void> {
  const token = await accountToken(config, accountNamespace, account);
  const cluster = config.getCurrentCluster();
  if (!cluster) throw new Error('the kubeconfig has no current cluster');
  const authority = cluster.caData;
  writeKubeconfig(
    file,
    {
      name: config.getCurrentContext(),
      server: cluster.server,
      ...(authority && { authority }),
      insecure: cluster.skipTLSVerify,
    },
    account,
    { token },
  );
}

/** A token of a service account, good for a year: no platform lives longer. */
export async function accountToken(
  config: KubeConfig,
  accountNamespace: string,
  account: string,
): Promise<string> {
  const { status } = await config.makeApiClient(CoreV1Api).createNamespacedServiceAccountToken({
    namespace: accountNamespace,
    name: account,
    body: {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences: [], expirationSeconds: yearSeconds },
    },
  });
  if (!status) throw new Error(`no token for ${account}`);
  return status.token;
}

/** Homeostat's configuration for this platform, wherever its parts run. */
export function labConfig({ name, cluster, temporal }: PlatformRecord, monitoring: boolean) {
  const { address, namespace, ui } = temporal;
  const urls = cluster.kind === 'native' && monitoringUrls(addressesOf(cluster.index));
  return {
    cluster: { name: clusterName(name) },
    temporal: { address, namespace, taskQueue: 'homeostat', ...(ui && { ui }) },
    // In a lab, faults follow each other faster than in production.
    healing: { soak: '5s' },
    governor: { coolDown: '5s', attemptsPerHour: 20 },
    ...(monitoring && urls && { prometheus: { url: urls.prometheus } }),
  };
}

/** Writes the configuration of the parts and the CLI for this platform. */
export function writeConfigs(record: PlatformRecord, paths: PlatformPaths, context: string): void {
  mkdirSync(paths.artifacts, { recursive: true });
  const { cluster, ...settings } = labConfig(record, readDesired(paths)?.monitoring ?? false);
  if (!existsSync(paths.gatewayToken)) {
    writeWhole(paths.gatewayToken, randomBytes(32).toString('base64url'));
  }
  const write = (file: string, kubeconfig: string) =>
    writeWhole(
      file,
      stringify({
        cluster: { ...cluster, kubeconfig, context },
        ...settings,
        worker: { listen: `127.0.0.1:${record.ports.worker}` },
        detector: { listen: `127.0.0.1:${record.ports.detector}` },
        gateway: {
          listen: `127.0.0.1:${record.ports.gateway}`,
          tokenFile: paths.gatewayToken,
        },
        artifacts: { directory: paths.artifacts },
      }),
    );
  write(paths.workerConfig, paths.workerKubeconfig);
  write(paths.detectorConfig, paths.detectorKubeconfig);
  write(paths.gatewayConfig, paths.gatewayKubeconfig);
  write(paths.config, paths.adminKubeconfig);
}

/** The cluster's name in workflow ids and marks. */
export const clusterName = (platform: string) => (platform === 'default' ? 'lab' : platform);
