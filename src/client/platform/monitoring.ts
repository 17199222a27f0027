import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { KubeConfig } from '@kubernetes/client-node';
import { parse, stringify } from 'yaml';
import { accountToken, writeAccountKubeconfig } from './access';
import { base64Of } from './certificates';
import { writeWhole } from './files';
import { applyAll, readManifest } from './manifests';
import { flags, type NativeCluster } from './native-cluster';
import { gatewayUrl, inside, monitoringUrls } from './network';
import { findProgram, installPackages, missingMonitoring } from './packages';
import { shipped } from './paths';
import { answersOk } from './probes';
import type { Progress } from './progress';
import type { PlatformRecord } from './records';
import type { Part, Supervisor } from './supervisor';
import { findTool } from './tools';

/** What the lab waits for where production waits for a quarter of an hour. */
const labTempo = { scrape: '3s', for: '5s', range: '30s' };

/** Installs and builds what monitoring is made of; at the first time minutes. */
export async function prepareMonitoring(progress: Progress): Promise<void> {
  await installPackages(missingMonitoring(), progress);
  await findTool('kube-state-metrics', progress);
  await findTool('metrics-server', progress);
}

/** Starts Prometheus, Alertmanager, kube-state-metrics and metrics-server; resolves when all are ready. */
export async function startMonitoring(
  supervisor: Supervisor,
  cluster: NativeCluster,
  record: PlatformRecord,
  config: KubeConfig,
): Promise<void> {
  const { paths, addresses, certificates } = cluster;
  const nodes = Array.from({ length: supervisor.desired().nodes }, (_, index) => index + 1);
  const manifest = shipped('lab', 'manifests', 'monitoring.yaml');
  const values = {
    CONTROL_PLANE: addresses.controlPlane,
    AUTHORITY: await base64Of(certificates.authority.certificate),
  };
  await applyAll(config, await readManifest(manifest, values), paths.name);
  const parts = await Promise.all([
    kubeStateMetrics(cluster, config),
    metricsServer(cluster, config),
    alertmanager(cluster, gatewayUrl(record, supervisor.desired().inCluster !== undefined)),
    prometheus(cluster, record, nodes, config),
  ]);
  await Promise.all(parts.map((part) => supervisor.keep(part)));
}

async function kubeStateMetrics(cluster: NativeCluster, config: KubeConfig): Promise<Part> {
  const { paths, addresses } = cluster;
  const kubeconfig = path.join(paths.state, 'kube-state-metrics.kubeconfig');
  await writeAccountKubeconfig(config, 'monitoring', 'kube-state-metrics', kubeconfig);
  return {
    name: 'kube-state-metrics',
    command: inside(
      paths,
      await findTool('kube-state-metrics'),
      ...flags({
        kubeconfig,
        host: addresses.controlPlane,
        port: 8080,
        'telemetry-host': addresses.controlPlane,
        'telemetry-port': 8081,
        resources: [
          ...['cronjobs', 'daemonsets', 'deployments', 'horizontalpodautoscalers', 'jobs'],
          ...['namespaces', 'nodes', 'persistentvolumeclaims', 'poddisruptionbudgets'],
          ...['pods', 'replicasets', 'statefulsets'],
        ].join(','),
      }),
    ),
    ready: () => answersOk(`http://${addresses.controlPlane}:8080/healthz`),
  };
}

async function metricsServer(cluster: NativeCluster, config: KubeConfig): Promise<Part> {
  const { paths, addresses, certificates } = cluster;
  const kubeconfig = path.join(paths.state, 'metrics-server.kubeconfig');
  await writeAccountKubeconfig(config, 'kube-system', 'metrics-server', kubeconfig);
  const own = await certificates.sign({
    name: 'metrics-server',
    user: 'metrics-server',
    hosts: [`IP:${addresses.controlPlane}`, 'DNS:metrics-server.kube-system.svc'],
  });
  const authority = await readFile(certificates.authority.certificate, 'utf8');
  return {
    name: 'metrics-server',
    command: inside(
      paths,
      await findTool('metrics-server'),
      ...flags({
        kubeconfig,
        'authentication-kubeconfig': kubeconfig,
        'authorization-kubeconfig': kubeconfig,
        'bind-address': addresses.controlPlane,
        'secure-port': 4443,
        'tls-cert-file': own.certificate,
        'tls-private-key-file': own.key,
        'kubelet-certificate-authority': certificates.authority.certificate,
        'kubelet-preferred-address-types': 'InternalIP',
        'kubelet-use-node-status-port': true,
        'metric-resolution': '10s',
        'kubelet-request-timeout': '5s',
      }),
    ),
    ready: () => answersOk(`https://${addresses.controlPlane}:4443/readyz`, authority),
  };
}

async function alertmanager(cluster: NativeCluster, gateway: string): Promise<Part> {
  const { paths } = cluster;
  const data = path.join(paths.state, 'alertmanager');
  await mkdir(data, { recursive: true, mode: 0o700 });
  const config = path.join(data, 'alertmanager.yaml');
  writeWhole(
    config,
    stringify({
      route: {
        receiver: 'homeostat',
        group_by: ['alertname', 'namespace'],
        group_wait: '1s',
        group_interval: '5s',
        repeat_interval: '1m',
      },
      receivers: [
        {
          name: 'homeostat',
          webhook_configs: [
            {
              url: `${gateway}/hooks/alertmanager`,
              send_resolved: true,
              http_config: {
                authorization: { type: 'Bearer', credentials_file: paths.gatewayToken },
              },
            },
          ],
        },
      ],
    }),
  );
  const url = monitoringUrls(cluster.addresses).alertmanager;
  return {
    name: 'alertmanager',
    command: [
      findProgram('prometheus-alertmanager') ?? 'prometheus-alertmanager',
      ...flags({
        'config.file': config,
        'storage.path': data,
        'data.retention': '6h',
        'web.listen-address': hostOf(url),
        // Alone: it looks for no others.
        'cluster.listen-address': '',
      }),
    ],
    ready: () => answersOk(`${url}/-/ready`),
  };
}

async function prometheus(
  cluster: NativeCluster,
  record: PlatformRecord,
  nodes: number[],
  config: KubeConfig,
): Promise<Part> {
  const { paths } = cluster;
  const data = path.join(paths.state, 'prometheus');
  await mkdir(data, { recursive: true, mode: 0o700 });
  const at = (file: string) => path.join(data, file);
  writeWhole(at('token'), await accountToken(config, 'monitoring', 'prometheus'));
  writeWhole(
    at('rules.yaml'),
    hurried(await readFile(shipped('prometheus', 'rules.yaml'), 'utf8')),
  );
  writeWhole(at('prometheus.yaml'), stringify(prometheusConfig(cluster, record, nodes, at)));
  const url = monitoringUrls(cluster.addresses).prometheus;
  return {
    name: 'prometheus',
    command: [
      findProgram('prometheus') ?? 'prometheus',
      ...flags({
        'config.file': at('prometheus.yaml'),
        'storage.tsdb.path': at('data'),
        'storage.tsdb.retention.time': '6h',
        'storage.tsdb.retention.size': '256MB',
        'web.listen-address': hostOf(url),
      }),
    ],
    ready: () => answersOk(`${url}/-/ready`),
    graceMs: 5_000,
  };
}

/** Debian's Prometheus knows no discovery by Kubernetes: the nodes are named. */
function prometheusConfig(
  cluster: NativeCluster,
  { ports }: PlatformRecord,
  nodes: number[],
  at: (file: string) => string,
) {
  const { addresses, certificates } = cluster;
  const { alertmanager: alerts } = monitoringUrls(addresses);
  return {
    global: { scrape_interval: labTempo.scrape, evaluation_interval: labTempo.scrape },
    rule_files: [at('rules.yaml')],
    alerting: {
      alertmanagers: [{ static_configs: [{ targets: [hostOf(alerts)] }] }],
    },
    scrape_configs: [
      {
        job_name: 'kube-state-metrics',
        honor_labels: true,
        static_configs: [{ targets: [`${addresses.controlPlane}:8080`] }],
      },
      {
        job_name: 'homeostat',
        static_configs: [{ targets: Object.values(ports).map((port) => `127.0.0.1:${port}`) }],
      },
      ...['', '/cadvisor'].map((metrics) => ({
        job_name: `kubelet${metrics}`,
        scheme: 'https',
        metrics_path: `/metrics${metrics}`,
        authorization: { credentials_file: at('token') },
        tls_config: { ca_file: certificates.authority.certificate },
        static_configs: [{ targets: nodes.map((node) => `${addresses.node(node)}:10250`) }],
      })),
    ],
  };
}

interface Rules {
  groups: { name: string; rules: { alert: string; expr: string; for?: string }[] }[];
}

/** The shipped rules at the lab's tempo: short patience, short ranges. */
export function hurried(rules: string): string {
  const { groups } = parse(rules) as Rules;
  const hurry = (rule: Rules['groups'][number]['rules'][number]) => ({
    ...rule,
    expr: rule.expr.replaceAll(/\[\d+[mh]\]/g, `[${labTempo.range}]`),
    ...(rule.for && { for: labTempo.for }),
  });
  return stringify({
    groups: groups.map((group) => ({ ...group, rules: group.rules.map(hurry) })),
  });
}

const hostOf = (url: string) => new URL(url).host;
