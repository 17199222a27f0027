import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import { base64Of, Certificates } from './certificates';
import { writeWhole } from './files';
import { certificateUser, writeKubeconfig } from './kubeconfig';
import { type Addresses, addressesOf, inside } from './network';
import { findProgram } from './packages';
import { type PlatformPaths, shipped } from './paths';
import { answersOk } from './probes';
import type { Part, Supervisor } from './supervisor';

export interface NativeCluster {
  name: string;
  paths: PlatformPaths;
  addresses: Addresses;
  certificates: Certificates;
  server: string;
  /** Folder of the Kubernetes programs. */
  programs: string;
  /** Folder of the images. */
  images: string;
}

/** What a native cluster is made of; nothing is started. */
export function nativeCluster(
  paths: PlatformPaths,
  built: { index: number; programs: string; images: string },
): NativeCluster {
  const addresses = addressesOf(built.index);
  return {
    name: `homeostat-${paths.name}`,
    paths,
    addresses,
    certificates: new Certificates(paths.certificates),
    server: `https://${addresses.controlPlane}:6443`,
    programs: built.programs,
    images: built.images,
  };
}

/** Flags of a Kubernetes program, `--name=value`. */
export function flags(values: Record<string, string | number | boolean>): string[] {
  return Object.entries(values).map(([name, value]) => `--${name}=${value}`);
}

/** Writes a kubeconfig for a user that the cluster's authority has signed. */
export async function kubeconfigFor(
  cluster: NativeCluster,
  file: string,
  certificate: string,
): Promise<string> {
  const { authority } = cluster.certificates;
  writeKubeconfig(
    file,
    {
      name: cluster.name,
      server: cluster.server,
      authority: await base64Of(authority.certificate),
    },
    certificate,
    await certificateUser(cluster.certificates.pair(certificate)),
  );
  return file;
}

/** Brings up the control plane; resolves when all of it is ready. */
export async function startControlPlane(
  supervisor: Supervisor,
  cluster: NativeCluster,
): Promise<void> {
  const { paths, certificates, addresses } = cluster;
  await certificates.createControlPlane(addresses);
  await kubeconfigFor(cluster, paths.adminKubeconfig, 'admin');
  const kubeconfig = (user: string) =>
    kubeconfigFor(cluster, path.join(paths.certificates, `${user}.kubeconfig`), user);
  const authority = await readFile(certificates.authority.certificate, 'utf8');

  await supervisor.keep(await etcd(cluster));
  await supervisor.keep(apiServer(cluster, authority));
  await Promise.all([
    supervisor.keep(controllerManager(cluster, await kubeconfig('controller-manager'), authority)),
    supervisor.keep(scheduler(cluster, await kubeconfig('scheduler'), authority)),
  ]);
}

/** Serves the Services; it is ready only once the first node has joined. */
export async function startProxy(supervisor: Supervisor, cluster: NativeCluster): Promise<void> {
  const file = path.join(cluster.paths.certificates, 'proxy.kubeconfig');
  await supervisor.keep(proxy(cluster, await kubeconfigFor(cluster, file, 'proxy')));
}

async function etcd({ paths, addresses }: NativeCluster): Promise<Part> {
  const data = path.join(paths.state, 'etcd');
  await mkdir(data, { recursive: true, mode: 0o700 });
  const local = 'http://127.0.0.1';
  const health = `http://${addresses.controlPlane}:2381`;
  return {
    name: 'etcd',
    command: inside(
      paths,
      findProgram('etcd') ?? 'etcd',
      ...flags({
        'data-dir': data,
        // Within the cluster's network only the control plane can reach its loopback.
        'listen-client-urls': `${local}:2379`,
        'advertise-client-urls': `${local}:2379`,
        'listen-peer-urls': `${local}:2380`,
        'listen-metrics-urls': health,
        // A lab may lose its last second when the machine loses power, not when a process dies.
        'unsafe-no-fsync': true,
        'auto-compaction-retention': '1h',
        'log-level': 'warn',
      }),
    ),
    ready: () => answersOk(`${health}/health`),
  };
}

function apiServer(cluster: NativeCluster, authority: string): Part {
  const { paths, addresses, certificates, programs, server } = cluster;
  const serving = certificates.pair('apiserver');
  const kubelet = certificates.pair('apiserver-kubelet');
  const frontProxy = certificates.pair('front-proxy');
  return {
    name: 'kube-apiserver',
    command: inside(
      paths,
      path.join(programs, 'kube-apiserver'),
      ...flags({
        'etcd-servers': 'http://127.0.0.1:2379',
        'bind-address': addresses.controlPlane,
        'advertise-address': addresses.controlPlane,
        'secure-port': 6443,
        'service-cluster-ip-range': addresses.services,
        'authorization-mode': 'Node,RBAC',
        'enable-admission-plugins': 'NodeRestriction',
        'allow-privileged': true,
        'client-ca-file': certificates.authority.certificate,
        'tls-cert-file': serving.certificate,
        'tls-private-key-file': serving.key,
        'kubelet-certificate-authority': certificates.authority.certificate,
        'kubelet-client-certificate': kubelet.certificate,
        'kubelet-client-key': kubelet.key,
        'kubelet-preferred-address-types': 'InternalIP',
        'service-account-issuer': 'https://kubernetes.default.svc',
        'service-account-key-file': certificates.serviceAccountPublicKey,
        'service-account-signing-key-file': certificates.serviceAccountKey,
        'requestheader-client-ca-file': certificates.frontProxyAuthority.certificate,
        'requestheader-allowed-names': 'front-proxy-client',
        'requestheader-extra-headers-prefix': 'X-Remote-Extra-',
        'requestheader-group-headers': 'X-Remote-Group',
        'requestheader-username-headers': 'X-Remote-User',
        'proxy-client-cert-file': frontProxy.certificate,
        'proxy-client-key-file': frontProxy.key,
        'enable-aggregator-routing': true,
        'audit-policy-file': shipped('lab', 'manifests', 'audit-policy.yaml'),
        'audit-log-path': paths.auditLog,
        'audit-log-maxsize': 100,
        'audit-log-maxbackup': 3,
        // Ends at once: there is no other API server to hand over to.
        'shutdown-delay-duration': '0s',
      }),
    ),
    ready: () => answersOk(`${server}/readyz`, authority),
    graceMs: 5_000,
  };
}

function controllerManager(cluster: NativeCluster, kubeconfig: string, authority: string): Part {
  const { paths, addresses, certificates, programs } = cluster;
  const own = certificates.pair('controller-manager');
  return {
    name: 'kube-controller-manager',
    command: inside(
      paths,
      path.join(programs, 'kube-controller-manager'),
      ...flags({
        kubeconfig,
        'authentication-kubeconfig': kubeconfig,
        'authorization-kubeconfig': kubeconfig,
        'bind-address': addresses.controlPlane,
        'tls-cert-file': own.certificate,
        'tls-private-key-file': own.key,
        'service-account-private-key-file': certificates.serviceAccountKey,
        'root-ca-file': certificates.authority.certificate,
        'cluster-signing-cert-file': certificates.authority.certificate,
        'cluster-signing-key-file': certificates.authority.key,
        'use-service-account-credentials': true,
        'leader-elect': false,
        // A node that is gone is seen within seconds: trials should not wait the usual 50.
        'node-monitor-period': '2s',
        'node-monitor-grace-period': '10s',
      }),
    ),
    ready: () => answersOk(`https://${addresses.controlPlane}:10257/healthz`, authority),
  };
}

function scheduler(cluster: NativeCluster, kubeconfig: string, authority: string): Part {
  const { paths, addresses, certificates, programs } = cluster;
  const own = certificates.pair('scheduler');
  return {
    name: 'kube-scheduler',
    command: inside(
      paths,
      path.join(programs, 'kube-scheduler'),
      ...flags({
        kubeconfig,
        'authentication-kubeconfig': kubeconfig,
        'authorization-kubeconfig': kubeconfig,
        'bind-address': addresses.controlPlane,
        'tls-cert-file': own.certificate,
        'tls-private-key-file': own.key,
        'leader-elect': false,
      }),
    ),
    ready: () => answersOk(`https://${addresses.controlPlane}:10259/healthz`, authority),
  };
}

/** One for all nodes, since they share the network. */
function proxy(cluster: NativeCluster, kubeconfig: string): Part {
  const { paths, addresses, programs } = cluster;
  const config = path.join(paths.state, 'kube-proxy.yaml');
  const health = `${addresses.controlPlane}:10256`;
  writeWhole(
    config,
    stringify({
      apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
      kind: 'KubeProxyConfiguration',
      mode: 'nftables',
      // Of a node that exists, else it waits half a minute for its own.
      hostnameOverride: 'node-1',
      clientConnection: { kubeconfig },
      clusterCIDR: addresses.pods,
      healthzBindAddress: health,
      metricsBindAddress: `${addresses.controlPlane}:10249`,
      nftables: { minSyncPeriod: '100ms', syncPeriod: '30s' },
      conntrack: { maxPerCore: 0 },
    }),
  );
  return {
    name: 'kube-proxy',
    command: inside(paths, path.join(programs, 'kube-proxy'), ...flags({ config })),
    ready: () => answersOk(`http://${health}/livez`),
  };
}
