import { readFileSync } from 'node:fs';
import path from 'node:path';
import { AppsV1Api, CoreV1Api, type KubeConfig } from '@kubernetes/client-node';
import { execa } from 'execa';
import { stringify } from 'yaml';
import { HomeostatError } from '../../model/errors';
import { homeostatNamespace, labConfig } from './access';
import { writeWhole } from './files';
import { buildHomeostatImage, type HomeostatImage } from './homeostat-image';
import type { NativeCluster } from './native-cluster';
import { type Addresses, gatewayNodePort } from './network';
import { loadImage } from './node';
import { findProgram, installPackages } from './packages';
import { shipped } from './paths';
import { accepts } from './probes';
import type { Progress } from './progress';
import type { PlatformRecord } from './records';
import type { Part, Supervisor } from './supervisor';
import { findTool } from './tools';

const release = 'homeostat';
const temporalPort = 7233;

/** The parts that the chart runs, as `status` names them. */
export const chartParts = ['worker', 'detector', 'gateway'] as const;

/** Builds what an installation in the cluster needs; at the first time minutes. */
export async function prepareInCluster(progress: Progress): Promise<HomeostatImage> {
  await installPackages(findProgram('socat') ? [] : ['socat'], progress);
  await findTool('helm', progress);
  return buildHomeostatImage(progress);
}

/** Installs Homeostat with its chart, as in production; resolves when all of its pods are ready. */
export async function startInCluster(
  supervisor: Supervisor,
  cluster: NativeCluster,
  record: PlatformRecord,
  image: HomeostatImage,
  config: KubeConfig,
): Promise<void> {
  const nodes = Array.from({ length: supervisor.desired().nodes }, (_, index) => index + 1);
  await Promise.all([
    supervisor.keep(temporalLink(cluster.addresses, record.temporal.address)),
    ...nodes.map((node) => loadImage(cluster, node, image)),
    putToken(config, cluster.paths.gatewayToken),
  ]);
  await installChart(cluster, record, image, supervisor.desired().monitoring ?? false);
  for (const part of chartParts) {
    supervisor.observe(part, () => isWhole(config, `${release}-${part}`));
  }
}

/** Temporal listens on the host's loopback, which no pod reaches: this lets the cluster in, and nobody else. */
function temporalLink({ host }: Addresses, temporal: string): Part {
  return {
    name: 'temporal-link',
    command: [
      findProgram('socat') ?? 'socat',
      `TCP-LISTEN:${temporalPort},bind=${host},reuseaddr,fork,max-children=200,keepalive`,
      `TCP:${temporal}`,
    ],
    ready: () => accepts({ host, port: temporalPort }),
  };
}

/** The gateway's token, as a Secret that is there before the chart. */
async function putToken(config: KubeConfig, file: string): Promise<void> {
  const core = config.makeApiClient(CoreV1Api);
  const namespace = homeostatNamespace;
  const name = 'homeostat-gateway';
  const body = { metadata: { name }, stringData: { token: readFileSync(file, 'utf8').trim() } };
  const { items } = await core.listNamespacedSecret({
    namespace,
    fieldSelector: `metadata.name=${name}`,
  });
  if (items.length > 0) await core.replaceNamespacedSecret({ namespace, name, body });
  else await core.createNamespacedSecret({ namespace, body });
}

async function installChart(
  cluster: NativeCluster,
  record: PlatformRecord,
  { repository, tag }: HomeostatImage,
  monitoring: boolean,
): Promise<void> {
  const { paths, addresses } = cluster;
  const folder = path.join(paths.state, 'helm');
  const values = path.join(folder, 'values.yaml');
  const { cluster: named, temporal, ...settings } = labConfig(record, monitoring);
  writeWhole(
    values,
    stringify({
      image: { repository, tag, pullPolicy: 'Never' },
      config: {
        ...settings,
        cluster: named,
        temporal: { ...temporal, address: `${addresses.host}:${temporalPort}` },
      },
      gateway: { service: { type: 'NodePort', nodePort: gatewayNodePort } },
    }),
  );
  const homes = ['CACHE', 'CONFIG', 'DATA'].map((home) => [`HELM_${home}_HOME`, folder]);
  const run = await execa(
    await findTool('helm'),
    [
      ...['upgrade', '--install', release, shipped('chart')],
      ...['--namespace', homeostatNamespace, '--kubeconfig', paths.adminKubeconfig],
      // What `up` gave the accounts of worker and detector is the chart's from now on.
      ...['--take-ownership', '--values', values, '--wait', '--timeout', '150s'],
    ],
    { env: Object.fromEntries(homes), all: true, reject: false },
  );
  if (run.failed) {
    const why = (run.all ?? '').trim().split('\n').slice(-2).join(' | ');
    throw new HomeostatError('failed', `the chart could not be installed: ${why}`);
  }
}

/** Whether a Deployment has all of its replicas, of its newest template. */
async function isWhole(config: KubeConfig, name: string): Promise<boolean> {
  const { metadata, spec, status } = await config
    .makeApiClient(AppsV1Api)
    .readNamespacedDeployment({ name, namespace: homeostatNamespace });
  const wanted = spec?.replicas ?? 1;
  return (
    status?.observedGeneration === metadata?.generation &&
    (status?.updatedReplicas ?? 0) === wanted &&
    (status?.availableReplicas ?? 0) === wanted
  );
}
