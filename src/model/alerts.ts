import type { Observation } from './incident';
import type { Target } from './target';

/** Names one episode of an alert; duplicates of it tell nothing new. */
export interface AlertRef {
  name: string;
  /** Alertmanager's fingerprint of the labels. */
  fingerprint: string;
  /** RFC 3339: when it began to fire. */
  startsAt: string;
}

/** One alert of a notification. */
export interface Alert extends AlertRef {
  /** Its own: a group counts as firing as long as any of its alerts does. */
  status: 'firing' | 'resolved';
  labels: Readonly<Record<string, string>>;
  /** What it says to people. */
  message: string;
  endsAt?: string;
}

/** The object that an alert is about, not yet its top owner. */
export type Subject = Pick<Target, 'kind' | 'namespace' | 'name'>;

/** Labels of kubernetes-mixin that name an object, the most telling first. */
const namespaced = [
  ['deployment', 'Deployment'],
  ['statefulset', 'StatefulSet'],
  ['daemonset', 'DaemonSet'],
  // `job` is the scrape's own.
  ['job_name', 'Job'],
  ['cronjob', 'CronJob'],
  ['horizontalpodautoscaler', 'HorizontalPodAutoscaler'],
  ['persistentvolumeclaim', 'PersistentVolumeClaim'],
  ['poddisruptionbudget', 'PodDisruptionBudget'],
  ['pod', 'Pod'],
] as const;

/** Alerts about nodes often carry the pod and namespace of whatever measured them. */
const aboutNodes = /^(Kube)?(Node|Kubelet)/;

/** What the API server takes as a name: nothing else may get into an id or a path. */
const objectName = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
const namespaceName = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** The object that an alert's labels name; undefined where they name none, or none that could exist. */
export function subjectOf({ name, labels }: Pick<Alert, 'name' | 'labels'>): Subject | undefined {
  const node = nodeOf(labels);
  if (node && aboutNodes.test(name)) return node;
  return namespacedObjectOf(labels) ?? node;
}

function nodeOf(labels: Alert['labels']): Subject | undefined {
  const name = label(labels, 'node');
  return name && objectName.test(name) ? { kind: 'Node', name } : undefined;
}

function namespacedObjectOf(labels: Alert['labels']): Subject | undefined {
  const namespace = label(labels, 'namespace');
  const found = namespaced.find(([key]) => label(labels, key));
  if (!namespace || !found || !namespaceName.test(namespace)) return undefined;
  const [key, kind] = found;
  const name = label(labels, key)!;
  return objectName.test(name) ? { kind, namespace, name } : undefined;
}

/** Where a scrape's own labels go first, Prometheus moves those of the metric to `exported_…`. */
function label(labels: Alert['labels'], key: string): string | undefined {
  return labels[`exported_${key}`] || labels[key];
}

/** Names an episode: the same for every delivery of it. */
export function episodeOf({ fingerprint, startsAt }: AlertRef): string {
  return `${fingerprint}@${startsAt}`;
}

/** A release with hundreds of pods fires as many alerts; forgotten ones would be taken for news. */
const mostEpisodes = 500;

/** The episodes that an incident knows, with new ones; the oldest go first. */
export function rememberEpisodes(known: readonly string[], told: readonly string[]): string[] {
  return [...new Set([...known, ...told])].slice(-mostEpisodes);
}

/** Episodes as they stand in the memo of a healing. */
export function episodesIn(memo: Record<string, unknown> | undefined): string[] {
  const { alerts } = memo ?? {};
  return Array.isArray(alerts) ? alerts.filter((one) => typeof one === 'string') : [];
}

const mostShown = 20;

/**
 * What alerts of one incident tell together. While any of them fires, the fault counts as there:
 * that another one resolved, of a pod that was replaced say, tells nothing of the whole.
 */
export function observationOf(alerts: readonly Alert[], subject: Subject): Observation {
  const firing = alerts.filter(({ status }) => status === 'firing');
  const telling = firing.length > 0 ? firing : alerts;
  const [first] = telling as [Alert, ...Alert[]];
  const more = telling.length > 1 ? ` (${telling.length} alerts)` : '';
  const begun = telling.map(({ startsAt }) => startsAt).toSorted();
  return {
    object: [subject.kind, subject.namespace, subject.name].filter(Boolean).join('/'),
    state: firing.length > 0 ? 'broken' : 'recovered',
    message: `alert ${first.name} ${first.status}${more}: ${first.message}`,
    seenAt: firing.length > 0 ? begun[0]! : (first.endsAt ?? first.startsAt),
    alerts: telling
      .slice(0, mostShown)
      .map(({ name, fingerprint, startsAt }) => ({ name, fingerprint, startsAt })),
  };
}
