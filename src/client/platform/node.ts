import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { stringify } from 'yaml';
import { makeCgroups } from './cgroups';
import { writeWhole } from './files';
import { imageNames, imageReference } from './images';
import { flags, kubeconfigFor, type NativeCluster } from './native-cluster';
import { inside } from './network';
import { cniPlugins, findProgram } from './packages';
import type { PlatformPaths } from './paths';
import { accepts, answersOk } from './probes';
import type { Part, Supervisor } from './supervisor';

export const nodeName = (number: number) => `node-${number}`;

/** Starts a node's container runtime, and gives it the images; needs no control plane yet. */
export async function startRuntime(
  supervisor: Supervisor,
  cluster: NativeCluster,
  number: number,
): Promise<void> {
  await supervisor.keep(await runtime(cluster, number));
  await importImages(cluster, number);
}

/** Starts a node's kubelet, which joins the node to the cluster. */
export async function startKubelet(
  supervisor: Supervisor,
  cluster: NativeCluster,
  number: number,
): Promise<void> {
  const { addresses, paths, certificates } = cluster;
  const name = nodeName(number);
  const address = addresses.node(number);
  const [ip, ...rest] = inside(
    paths,
    findProgram('ip') ?? 'ip',
    'addr',
    'replace',
    `${address}/32`,
    'dev',
    'lo',
  );
  await execa(ip, rest);
  await certificates.sign({
    name,
    user: `system:node:${name}`,
    group: 'system:nodes',
    hosts: [`IP:${address}`, `DNS:${name}`],
  });
  makeCgroups(cgroupOf(cluster, number));
  await supervisor.keep(await kubelet(cluster, number));
}

/** Below this path of every cgroup hierarchy lie the node's pods. */
const cgroupOf = ({ paths }: NativeCluster, node: number) => `${paths.cgroup}-n${node}`;

const socketOf = (folder: string) => path.join(folder, 'containerd.sock');

async function runtime({ paths, addresses }: NativeCluster, number: number): Promise<Part> {
  const folder = paths.node(number);
  const at = (...parts: string[]) => path.join(folder, ...parts);
  await mkdir(at('cni'), { recursive: true });
  const network = {
    cniVersion: '0.4.0',
    name: nodeName(number),
    plugins: [
      {
        type: 'bridge',
        bridge: `pods${number}`,
        isGateway: true,
        ipMasq: false,
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          dataDir: at('ipam'),
          ranges: [[{ subnet: addresses.podsOf(number) }]],
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
      { type: 'loopback' },
    ],
  };
  writeWhole(at('cni', '10-pods.conflist'), JSON.stringify(network));
  writeWhole(at('containerd.toml'), containerdConfig(folder));
  return {
    name: `${nodeName(number)}/containerd`,
    command: inside(paths, findProgram('containerd') ?? 'containerd', '-c', at('containerd.toml')),
    ready: () => accepts({ path: socketOf(folder) }),
  };
}

/**
 * - restrict_oom_score_adj: where we lack CAP_SYS_RESOURCE, every sandbox would die otherwise.
 * - netns_mounts_under_state_dir: nothing of ours in the host's /run/netns.
 */
const containerdConfig = (folder: string) => `version = 2
root = "${folder}/root"
state = "${folder}/state"
oom_score = 0
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.tracing.processor.v1.otlp"]
[grpc]
  address = "${socketOf(folder)}"
[plugins."io.containerd.internal.v1.opt"]
  path = "${folder}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${imageReference('pause')}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${cniPlugins()}"
    conf_dir = "${folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      BinaryName = "${findProgram('runc')}"
      Root = "${folder}/runc"
`;

/** Containerd's own client, on a node's images and containers. */
function runtimeOf(paths: PlatformPaths, number: number) {
  const socket = socketOf(paths.node(number));
  return (...args: string[]) =>
    execa(findProgram('ctr') ?? 'ctr', ['-a', socket, '-n', 'k8s.io', ...args], {
      timeout: 120_000,
    });
}

async function importImages({ paths, images }: NativeCluster, number: number): Promise<void> {
  const ctr = runtimeOf(paths, number);
  const { stdout } = await ctr('images', 'list', '-q');
  const present = new Set(stdout.split('\n'));
  for (const image of imageNames.filter((name) => !present.has(imageReference(name)))) {
    await ctr('images', 'import', path.join(images, `${image}.tar`));
  }
}

/** Gives a node an image that is not the lab's own. */
export async function loadImage(
  { paths }: NativeCluster,
  number: number,
  { file, repository, tag }: { file: string; repository: string; tag: string },
): Promise<void> {
  const ctr = runtimeOf(paths, number);
  const { stdout } = await ctr('images', 'list', '-q');
  if (!stdout.split('\n').includes(`${repository}:${tag}`)) await ctr('images', 'import', file);
}

async function kubelet(cluster: NativeCluster, number: number): Promise<Part> {
  const { paths, addresses, certificates, programs } = cluster;
  const name = nodeName(number);
  const folder = paths.node(number);
  const address = addresses.node(number);
  const own = certificates.pair(name);
  const at = (file: string) => path.join(folder, file);
  const kubeconfig = await kubeconfigFor(cluster, at('kubeconfig'), name);
  // The lab's own: the host's search domains and servers are no concern of its pods.
  writeWhole(at('resolv.conf'), `nameserver ${addresses.dns}\n`);
  writeWhole(
    at('kubelet.yaml'),
    stringify({
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      authentication: {
        anonymous: { enabled: false },
        webhook: { enabled: true },
        x509: { clientCAFile: certificates.authority.certificate },
      },
      authorization: { mode: 'Webhook' },
      tlsCertFile: own.certificate,
      tlsPrivateKeyFile: own.key,
      address,
      healthzBindAddress: address,
      healthzPort: 10248,
      clusterDomain: 'cluster.local',
      clusterDNS: [addresses.dns],
      resolvConf: at('resolv.conf'),
      containerRuntimeEndpoint: `unix://${socketOf(folder)}`,
      cgroupDriver: 'cgroupfs',
      cgroupRoot: `/${cgroupOf(cluster, number)}`,
      failCgroupV1: false,
      failSwapOn: false,
      enforceNodeAllocatable: [],
      podLogsDir: at('pods'),
      containerLogMaxSize: '5Mi',
      containerLogMaxFiles: 2,
      nodeStatusUpdateFrequency: '2s',
      nodeLeaseDurationSeconds: 10,
      evictionHard: {
        'nodefs.available': '1%',
        'imagefs.available': '1%',
        'memory.available': '50Mi',
      },
      // The images came by hand: one that is collected is gone for good.
      imageGCHighThresholdPercent: 100,
      imageGCLowThresholdPercent: 99,
    }),
  );
  return {
    name,
    command: inside(
      paths,
      path.join(programs, 'kubelet'),
      ...flags({
        config: at('kubelet.yaml'),
        kubeconfig,
        'hostname-override': name,
        'node-ip': address,
        'root-dir': at('kubelet'),
      }),
    ),
    ready: () => answersOk(`http://${address}:10248/healthz`),
  };
}
