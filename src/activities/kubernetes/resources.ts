import type {
  KubernetesListObject,
  KubernetesObject,
  V1LabelSelector,
  V1Namespace,
  V1Pod,
} from '@kubernetes/client-node';
import { isDeployment, kindOf, type Workload } from '../../model/kubernetes/objects';
import { controllerOf } from '../../model/kubernetes/owners';
import {
  type RevisionObject,
  revisionCollection,
  revisionsOf,
} from '../../model/kubernetes/revisions';
import { isWorkloadKind, type Target } from '../../model/target';
import type { KubernetesClient } from './client';
import { orAbsent, refuse } from './errors';

/** Kinds that can be looked up, by their API group and collection. */
const collections: Record<string, [group: string, plural: string]> = {
  Pod: ['api/v1', 'pods'],
  Node: ['api/v1', 'nodes'],
  Deployment: ['apis/apps/v1', 'deployments'],
  StatefulSet: ['apis/apps/v1', 'statefulsets'],
  DaemonSet: ['apis/apps/v1', 'daemonsets'],
  ReplicaSet: ['apis/apps/v1', 'replicasets'],
  Job: ['apis/batch/v1', 'jobs'],
  CronJob: ['apis/batch/v1', 'cronjobs'],
};

/** The path of a collection, in a namespace where there is one. */
export function collectionPath(group: string, plural: string, namespace?: string): string {
  const scope = namespace ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `/${group}${scope}/${plural}`;
}

/** The path of a target's collection; undefined for a kind that is not known. */
export function collectionOf(target: Target): string | undefined {
  const [group, plural] = collections[target.kind] ?? [];
  return group && plural ? collectionPath(group, plural, target.namespace) : undefined;
}

/** The path of a target; undefined for a kind that is not known. */
export function pathOf(target: Target): string | undefined {
  const collection = collectionOf(target);
  return collection && `${collection}/${encodeURIComponent(target.name)}`;
}

/** The path of a workload or pod, which are what can be changed. */
export function pathOfChangeable(target: Target): string {
  const path = pathOf(target);
  if (path && (isWorkloadKind(target.kind) || target.kind === 'Pod')) return path;
  throw refuse(
    `kind ${target.kind} is not supported: name a Deployment, StatefulSet, DaemonSet or Pod`,
  );
}

/** The object behind a target of any known kind; undefined where it is not there. */
export function findObject<T extends KubernetesObject>(
  client: KubernetesClient,
  path: string,
): Promise<T | undefined> {
  return orAbsent(client.get<T>(path));
}

/** @throws ApplicationFailure, final, when the workload is not there or the kind has no pod template. */
export async function needWorkload(client: KubernetesClient, target: Target): Promise<Workload> {
  if (!isWorkloadKind(target.kind)) {
    throw refuse(
      `kind ${target.kind} has no pod template: name a Deployment, StatefulSet or DaemonSet`,
    );
  }
  return client.get<Workload>(pathOfChangeable(target));
}

export async function findNamespace(
  client: KubernetesClient,
  target: Target,
): Promise<V1Namespace | undefined> {
  if (!target.namespace) return undefined;
  return findObject(client, `/api/v1/namespaces/${encodeURIComponent(target.namespace)}`);
}

/** The revisions of a workload, newest first. */
export async function listRevisions(
  client: KubernetesClient,
  workload: Workload,
): Promise<RevisionObject[]> {
  const path = collectionPath(
    'apis/apps/v1',
    revisionCollection(workload),
    workload.metadata?.namespace,
  );
  const labelSelector = selectorOf(workload);
  if (!labelSelector) return [];
  const { items } = await client.get<KubernetesListObject<RevisionObject>>(path, { labelSelector });
  return revisionsOf(workload, items);
}

/** The pods that a workload's selector finds and that belong to it. */
export async function listPods(client: KubernetesClient, workload: Workload): Promise<V1Pod[]> {
  const labelSelector = selectorOf(workload);
  if (!labelSelector) return [];
  const path = podsPath(workload.metadata?.namespace);
  const { items } = await client.get<KubernetesListObject<V1Pod>>(path, { labelSelector });
  return items.filter((pod) => belongsTo(pod, workload));
}

export function podsPath(namespace: string | undefined): string {
  return collectionPath('api/v1', 'pods', namespace);
}

export function podPath(pod: V1Pod): string {
  return `${podsPath(pod.metadata?.namespace)}/${encodeURIComponent(pod.metadata?.name ?? '')}`;
}

/** Whether a pod that a workload's selector finds is the workload's own. */
export function belongsTo(pod: V1Pod, workload: Workload): boolean {
  const owner = controllerOf(pod);
  if (!isDeployment(workload)) return owner?.uid === workload.metadata?.uid;
  // A ReplicaSet is named after its Deployment and the hash that its pods carry.
  const hash = pod.metadata?.labels?.['pod-template-hash'];
  return owner?.kind === 'ReplicaSet' && owner.name === `${workload.metadata?.name}-${hash}`;
}

/** A workload's selector as the API's list parameter; undefined for an empty one, which matches nothing. */
export function selectorOf(workload: Workload): string | undefined {
  const { matchLabels = {}, matchExpressions = [] }: V1LabelSelector =
    workload.spec?.selector ?? {};
  const terms = [
    ...Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`),
    ...matchExpressions.map(({ key, operator, values = [] }) => {
      if (operator === 'Exists') return key;
      if (operator === 'DoesNotExist') return `!${key}`;
      return `${key} ${operator === 'In' ? 'in' : 'notin'} (${values.join(',')})`;
    }),
  ];
  return terms.join(',') || undefined;
}

/** `Deployment shop/web`, for messages. */
export function nameOf(workload: Workload): string {
  return `${kindOf(workload)} ${workload.metadata?.namespace}/${workload.metadata?.name}`;
}
