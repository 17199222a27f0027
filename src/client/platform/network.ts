import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { execa, execaSync } from 'execa';
import { HomeostatError } from '../../model/errors';
import { findProgram, systemPath } from './packages';
import type { PlatformPaths } from './paths';
import type { PlatformRecord } from './records';

/** How many platforms fit beside each other on one machine: one block of each range below. */
const maxPlatforms = 32;

export interface Addresses {
  /** Interface of the host that leads into the cluster. */
  link: string;
  host: string;
  /** The API server, and everything else of the control plane. */
  controlPlane: string;
  /** Routed from the host. */
  nodes: string;
  services: string;
  pods: string;
  kubernetesService: string;
  dns: string;
  node(number: number): string;
  podsOf(node: number): string;
}

/** All addresses of the platform with this index; none overlaps another platform's. */
export function addressesOf(index: number): Addresses {
  const [link, nodes] = [`10.77.${4 * index}`, `10.77.${4 * index + 1}`];
  const services = `10.79.${8 * index}`;
  return {
    link: `hs${index}`,
    host: `${link}.1`,
    controlPlane: `${link}.2`,
    nodes: `${nodes}.0/24`,
    services: `${services}.0/21`,
    pods: `10.78.${8 * index}.0/21`,
    kubernetesService: `${services}.1`,
    dns: `${services}.10`,
    node: (number) => `${nodes}.${number}`,
    podsOf: (node) => `10.78.${8 * index + node}.0/24`,
  };
}

/** Where the gateway answers at every node's address when it runs in the cluster. */
export const gatewayNodePort = 30088;

/** Where alerts go and the API is, from the host. */
export function gatewayUrl({ cluster, ports }: PlatformRecord, inCluster: boolean): string {
  const nodePort = inCluster && cluster.kind === 'native';
  return nodePort
    ? `http://${addressesOf(cluster.index).node(1)}:${gatewayNodePort}`
    : `http://127.0.0.1:${ports.gateway}`;
}

/** Where monitoring listens: reached from the host and from pods, and no two platforms collide. */
export const monitoringUrls = ({ host }: Addresses) => ({
  prometheus: `http://${host}:9090`,
  alertmanager: `http://${host}:9093`,
});

/** The first index whose interface and networks nothing on this machine uses. */
export function freeIndex(): number {
  const { stdout } = execaSync(program('ip'), ['-4', 'route', 'show', 'table', 'all']);
  const routes = stdout
    .split('\n')
    .map((line) => line.replace(/^(local|broadcast) /, '').split(' ')[0] ?? '');
  for (let index = 0; index < maxPlatforms; index += 1) {
    const { link, host, nodes, services, pods } = addressesOf(index);
    const ours = [`${host}/30`, nodes, services, pods];
    // A wide route, as of a VPN for all of 10.0.0.0/8, gives way to our narrow ones.
    const clash = routes
      .filter((route) => (parse(route)?.bits ?? 0) >= 12)
      .some((route) => ours.some((network) => overlap(route, network)));
    if (!clash && !existsSync(`/sys/class/net/${link}`)) return index;
  }
  throw new HomeostatError(
    'failed',
    'no network is free for another platform: end one with homeostat down, see homeostat doctor',
  );
}

/** Whether two IPv4 networks written a.b.c.d/n share an address. */
export function overlap(one: string, other: string): boolean {
  const [a, b] = [parse(one), parse(other)];
  if (!a || !b) return false;
  const bits = Math.min(a.bits, b.bits);
  const size = 2 ** (32 - bits);
  return Math.floor(a.address / size) === Math.floor(b.address / size);
}

function parse(network: string): { address: number; bits: number } | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)\.(\d+)(?:\/(\d+))?$/.exec(network);
  if (!match) return undefined;
  const address = match.slice(1, 5).reduce((sum, part) => sum * 256 + Number(part), 0);
  return { address, bits: Number(match[5] ?? 32) };
}

const program = (name: string) => findProgram(name) ?? name;

/** The command that runs another inside the platform's network. */
export function inside(paths: PlatformPaths, ...command: string[]): [string, ...string[]] {
  return [program('nsenter'), `--net=${paths.network}`, ...command];
}

const watchers = '/proc/sys/fs/inotify/max_user_instances';

/**
 * Lets as many programs watch files as some platforms beside each other need: one takes about 35 of
 * the kernel's usual 128, and a kubelet that gets none does not start. It holds until the next boot.
 */
export function allowWatchers(say: (message: string) => void): void {
  const enough = 1024;
  if (Number(readFileSync(watchers, 'utf8')) >= enough) return;
  writeFileSync(watchers, String(enough));
  say(`raising fs.inotify.max_user_instances to ${enough} until the next boot`);
}

/**
 * Makes the network namespace that holds the whole cluster, and the way into it from the host.
 * There is no way out: nothing leaks, nothing collides. Harmless when it is already there.
 *
 * The namespace is a file of the platform's own folder, not of /run/netns: the first
 * `ip netns add` on a host makes that folder a shared mount, after which pods of other container
 * runtimes stick in Terminating.
 */
export async function createNetwork(paths: PlatformPaths, index: number): Promise<void> {
  const { link, host, controlPlane, nodes, services, pods } = addressesOf(index);
  const ip = (...args: string[]) => execa(program('ip'), args);
  const within = (...command: string[]) => {
    const [first, ...rest] = inside(paths, ...command);
    return execa(first, rest, { env: { PATH: systemPath() } });
  };
  const mounted = readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${paths.network} `);
  if (mounted && existsSync(`/sys/class/net/${link}`)) return;
  if (!mounted) {
    writeFileSync(paths.network, '');
    await execa(program('unshare'), [`--net=${paths.network}`, 'true']);
  }
  if (existsSync(`/sys/class/net/${link}`)) await ip('link', 'delete', link);
  const far = ['peer', 'name', 'uplink', 'netns', paths.network];
  await ip('link', 'add', link, 'type', 'veth', ...far);
  await ip('addr', 'add', `${host}/30`, 'dev', link);
  await ip('link', 'set', link, 'up');
  await within('ip', 'link', 'set', 'lo', 'up');
  await within('ip', 'addr', 'add', `${controlPlane}/30`, 'dev', 'uplink');
  await within('ip', 'link', 'set', 'uplink', 'up');
  await within('sh', '-c', 'echo 1 >/proc/sys/net/ipv4/ip_forward');
  // Packets to a Service need some route to reach kube-proxy's translation; this one ends here.
  await within('ip', 'link', 'add', 'services', 'type', 'bridge');
  await within('ip', 'link', 'set', 'services', 'up');
  await within('ip', 'route', 'add', services, 'dev', 'services');
  // The pods too: what runs on the host is asked by pods, and answers them.
  for (const network of [nodes, services, pods]) {
    await ip('route', 'add', network, 'via', controlPlane, 'dev', link);
  }
}
