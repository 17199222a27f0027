import type { Target } from './target';

/** One question to Prometheus about a target. */
export interface MetricQuery {
  /** Kebab-case, unique among the queries of a target. */
  name: string;
  title: string;
  unit: 'cores' | 'bytes' | 'count';
  /** PromQL. */
  query: string;
}

/** A line of a chart: what it is of, and its points as `[milliseconds since 1970, value]`. */
export interface MetricSeries {
  name: string;
  points: [number, number][];
}

/** The artifact `metrics.json`: what Prometheus knew of a target. Times are RFC 3339, UTC. */
export interface Metrics {
  from: string;
  to: string;
  stepSeconds: number;
  charts: (MetricQuery & { series: MetricSeries[] })[];
}

/** Pods of a workload have a suffix that its controller chooses. */
const podSuffixes: Record<string, string> = {
  Deployment: '-[a-z0-9]+-[a-z0-9]{5}',
  ReplicaSet: '-[a-z0-9]{5}',
  StatefulSet: '-[0-9]+',
  DaemonSet: '-[a-z0-9]{5}',
  Job: '-[a-z0-9]{5}',
  Pod: '',
};

/** How many replicas kube-state-metrics says are there, by kind. */
const availability: Record<string, [metric: string, label: string]> = {
  Deployment: ['kube_deployment_status_replicas_available', 'deployment'],
  StatefulSet: ['kube_statefulset_status_replicas_available', 'statefulset'],
  DaemonSet: ['kube_daemonset_status_number_available', 'daemonset'],
};

/**
 * What to ask Prometheus about a target, by its kind; empty for a kind that has no metrics.
 * The names are those of cAdvisor and kube-state-metrics.
 */
export function metricQueries(target: Target): MetricQuery[] {
  if (target.kind === 'Node') return nodeQueries(target.name);
  const suffix = podSuffixes[target.kind];
  if (suffix === undefined) return [];
  const namespace = `namespace=${quoted(target.namespace ?? '')}`;
  const pods = `${namespace},pod=~${quoted(escapedPattern(target.name) + suffix)}`;
  const [metric, label] = availability[target.kind] ?? [];
  const available: MetricQuery[] = metric
    ? [
        {
          name: 'available',
          title: 'Available replicas',
          unit: 'count',
          query: `max by (${label}) (${metric}{${namespace},${label}=${quoted(target.name)}})`,
        },
      ]
    : [];
  return [...available, ...podQueries(pods)];
}

function podQueries(pods: string): MetricQuery[] {
  return [
    {
      name: 'ready',
      title: 'Ready',
      unit: 'count',
      query: `max by (pod) (kube_pod_status_ready{${pods},condition="true"})`,
    },
    {
      name: 'restarts',
      title: 'Restarts of containers',
      unit: 'count',
      query: `sum by (pod) (kube_pod_container_status_restarts_total{${pods}})`,
    },
    {
      name: 'cpu',
      title: 'CPU',
      unit: 'cores',
      query: `sum by (pod) (rate(container_cpu_usage_seconds_total{${pods},container!=""}[2m]))`,
    },
    {
      name: 'memory',
      title: 'Memory (working set)',
      unit: 'bytes',
      query: `sum by (pod) (container_memory_working_set_bytes{${pods},container!=""})`,
    },
    { name: 'up', title: 'Scraped', unit: 'count', query: `max by (pod) (up{${pods}})` },
  ];
}

function nodeQueries(name: string): MetricQuery[] {
  const node = `node=${quoted(name)}`;
  return [
    {
      name: 'ready',
      title: 'Ready',
      unit: 'count',
      query: `max by (node) (kube_node_status_condition{${node},condition="Ready",status="true"})`,
    },
    {
      name: 'pods',
      title: 'Pods',
      unit: 'count',
      query: `count by (node) (kube_pod_info{${node}})`,
    },
    {
      name: 'cpu',
      title: 'CPU',
      unit: 'cores',
      query: `sum by (node) (rate(container_cpu_usage_seconds_total{${node},id="/"}[2m]))`,
    },
    {
      name: 'memory',
      title: 'Memory (working set)',
      unit: 'bytes',
      query: `sum by (node) (container_memory_working_set_bytes{${node},id="/"})`,
    },
  ];
}

/** A PromQL string; JSON's escapes are among PromQL's. */
const quoted = (text: string) => JSON.stringify(text);

/** A name as a pattern that matches only itself. */
const escapedPattern = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
