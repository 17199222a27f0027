import { existsSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { execa, execaSync } from 'execa';
import { stringify } from 'yaml';
import { badInput } from '../../model/errors';
import { writeWhole } from './files';
import { imageNames } from './images';
import { findProgram } from './packages';
import { cacheRoot, type PlatformPaths, shipped } from './paths';
import type { Progress } from './progress';

const kindModule = 'sigs.k8s.io/kind@v0.30.0';

/** Whether a Docker engine answers. */
export function dockerAnswers(): boolean {
  const docker = findProgram('docker');
  if (!docker) return false;
  return execaSync(docker, ['info'], { reject: false, timeout: 5_000 }).exitCode === 0;
}

/** kind on PATH, else built into the cache. */
export async function findKind(progress: Progress): Promise<string> {
  const folder = path.join(cacheRoot(), `kind-${kindModule.split('@')[1]}`);
  const ours = path.join(folder, 'kind');
  const found = findProgram('kind') ?? (existsSync(ours) ? ours : undefined);
  if (found) return found;
  if (!findProgram('go')) throw badInput('kind is missing', 'put kind or Go on PATH');
  progress('building kind');
  await execa('go', ['install', kindModule], { env: { GOBIN: folder, GOFLAGS: '' } });
  return ours;
}

/** One control plane and three workers by default, with the audit log in the platform's folder. */
export async function createKindCluster(
  kind: string,
  cluster: string,
  nodes: number,
  images: string,
  paths: PlatformPaths,
  progress: Progress,
): Promise<void> {
  const { stdout } = await execa(kind, ['get', 'clusters'], { reject: false });
  if (!stdout.split('\n').includes(cluster)) {
    progress('creating a kind cluster');
    const config = path.join(paths.state, 'kind.yaml');
    writeWhole(config, kindConfig(nodes, paths));
    await execa(
      kind,
      ['create', 'cluster', '--name', cluster, '--config', config, '--wait', '180s'],
      {
        env: { KUBECONFIG: paths.adminKubeconfig },
        timeout: 600_000,
      },
    );
  }
  if (!existsSync(paths.auditLog)) symlinkSync(path.join('audit', 'audit.log'), paths.auditLog);
  await execa(kind, [
    'export',
    'kubeconfig',
    '--name',
    cluster,
    '--kubeconfig',
    paths.adminKubeconfig,
  ]);
  progress('loading images into the kind cluster');
  for (const image of imageNames.filter((name) => name === 'busybox' || name === 'shop')) {
    await execa(kind, [
      'load',
      'image-archive',
      path.join(images, `${image}.tar`),
      '--name',
      cluster,
    ]);
  }
}

function kindConfig(nodes: number, paths: PlatformPaths): string {
  const inNode = '/etc/homeostat';
  const mount = (name: string, hostPath: string) => ({
    name,
    hostPath,
    mountPath: hostPath,
    readOnly: name === 'audit-policy',
    pathType: name === 'audit-policy' ? 'File' : 'DirectoryOrCreate',
  });
  const controlPlane = {
    role: 'control-plane',
    extraMounts: [
      {
        hostPath: shipped('lab', 'manifests', 'audit-policy.yaml'),
        containerPath: `${inNode}/audit-policy.yaml`,
        readOnly: true,
      },
      { hostPath: path.join(paths.state, 'audit'), containerPath: '/var/log/homeostat' },
    ],
    kubeadmConfigPatches: [
      stringify({
        kind: 'ClusterConfiguration',
        apiServer: {
          extraArgs: {
            'audit-policy-file': `${inNode}/audit-policy.yaml`,
            'audit-log-path': '/var/log/homeostat/audit.log',
            'audit-log-maxsize': '100',
            'audit-log-maxbackup': '3',
          },
          extraVolumes: [
            mount('audit-policy', `${inNode}/audit-policy.yaml`),
            mount('audit-log', '/var/log/homeostat'),
          ],
        },
      }),
    ],
  };
  return stringify({
    kind: 'Cluster',
    apiVersion: 'kind.x-k8s.io/v1alpha4',
    nodes: [controlPlane, ...Array.from({ length: nodes }, () => ({ role: 'worker' }))],
  });
}

export async function deleteKindCluster(cluster: string, paths: PlatformPaths): Promise<void> {
  const kind = await findKind(() => undefined);
  await execa(kind, [
    'delete',
    'cluster',
    '--name',
    cluster,
    '--kubeconfig',
    paths.adminKubeconfig,
  ]);
}
