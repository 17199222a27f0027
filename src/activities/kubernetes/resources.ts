import type {
  KubernetesListObject,
  KubernetesObject,
  V1LabelSelector,
  V1Namespace,
  V1Pod,
} from '@kubernetes/client-node';
import { failingRegistries } from '../../model/kubernetes/faults/containers';
import { collectionPath, kinds } from '../../model/kubernetes/kinds';
import { isDeployment, kindOf, type Workload } from '../../model/kubernetes/objects';
import { controllerOf } from '../../model/kubernetes/owners';
import { type RevisionObject, revisionKind, revisionsOf } from '../../model/kubernetes/revisions';
import { isWorkloadKind, registryKind, type Target } from '../../model/target';
import type { KubernetesClient, Query } from './client';
import { orAbsent, refuse } from './errors';

/** The path of a target's collection. @throws ApplicationFailure, final, for a kind that is not known. */
export function collectionOf({ kind, namespace }: Pick<Target, 'kind' | 'namespace'>): string {
  const path = collectionPath(kind, namespace);
  if (path) return path;
  throw refuse(`kind ${kind} is not supported: name one of ${Object.keys(kinds).join(', ')}`);
}

/** The path of a target. @throws ApplicationFailure, final, for a kind that is not known. */
export function pathOf(target: Pick<Target, 'kind' | 'namespace' | 'name'>): string {
  return `${collectionOf(target)}/${encodeURIComponent(target.name)}`;
}

/** The path of a workload or pod, which are what can be changed. */
export function pathOfChangeable(target: Target): string {
  if (isWorkloadKind(target.kind) || target.kind === 'Pod') return pathOf(target);
  throw refuse(
    `kind ${target.kind} is not supported: name a Deployment, StatefulSet, DaemonSet or Pod`,
  );
}

/** The object behind a target; a registry, which has none, is stood for by its name. */
export function findTarget(
  client: KubernetesClient,
  target: Target,
): Promise<KubernetesObject | undefined> {
  return standInFor(target) ?? findObject(client, pathOf(target));
}

function standInFor({ kind, name }: Target): Promise<KubernetesObject> | undefined {
  return kind === registryKind ? Promise.resolve({ kind, metadata: { name } }) : undefined;
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
  return findObject(client, pathOf({ kind: 'Namespace', name: target.namespace }));
}

/** The revisions of a workload, newest first. */
export async function listRevisions(
  client: KubernetesClient,
  workload: Workload,
): Promise<RevisionObject[]> {
  const path = collectionOf({
    kind: revisionKind(workload),
    namespace: workload.metadata?.namespace,
  });
  const labelSelector = selectorOf(workload);
  if (!labelSelector) return [];
  const { items } = await client.get<KubernetesListObject<RevisionObject>>(path, { labelSelector });
  return revisionsOf(workload, items);
}

/** On every pod of a Job: the Job's name. */
const jobLabel = 'batch.kubernetes.io/job-name';

/** Where a target's pods are to be found. */
export interface PodsQuery {
  path: string;
  query: Query;
  /** Whether a pod that the query finds belongs to the target. */
  isOwn: (pod: V1Pod) => boolean;
}

/** How the pods of a target are found: a workload's, a Job's, a budget's, those on a node, those that wait for a registry. Undefined where it has none. */
export function podsQueryOf(kind: string, object: KubernetesObject): PodsQuery | undefined {
  const { name = '', namespace, uid } = object.metadata ?? {};
  const path = podsPath(namespace);
  const any = () => true;
  if (kind === 'Pod')
    return { path, query: { fieldSelector: `metadata.name=${name}` }, isOwn: any };
  if (kind === 'Node') {
    return {
      path: podsPath(undefined),
      query: { fieldSelector: `spec.nodeName=${name}` },
      isOwn: any,
    };
  }
  if (kind === registryKind) {
    return {
      path: podsPath(undefined),
      query: { fieldSelector: 'status.phase=Pending' },
      isOwn: (pod) => failingRegistries(pod).includes(name),
    };
  }
  if (kind === 'CronJob') {
    return { path, query: { labelSelector: jobLabel }, isOwn: (pod) => isOfCronJob(pod, name) };
  }
  const labelSelector = selectorOf(object as Workload);
  if (!labelSelector) return undefined;
  const query = { labelSelector };
  if (isWorkloadKind(kind)) {
    return { path, query, isOwn: (pod) => belongsTo(pod, object as Workload) };
  }
  if (kind === 'Job') return { path, query, isOwn: (pod) => controllerOf(pod)?.uid === uid };
  return kind === 'PodDisruptionBudget' ? { path, query, isOwn: any } : undefined;
}

/** The CronJob controller names its Jobs after it and the minute of their schedule. */
function isOfCronJob(pod: V1Pod, cronJob: string): boolean {
  const job = controllerOf(pod);
  if (job?.kind !== 'Job' || !job.name.startsWith(`${cronJob}-`)) return false;
  return /^\d+$/.test(job.name.slice(cronJob.length + 1));
}

/** The pods that belong to an object, as `podsQueryOf` finds them. */
export async function podsOf(
  client: KubernetesClient,
  kind: string,
  object: KubernetesObject,
): Promise<V1Pod[]> {
  const found = podsQueryOf(kind, object);
  if (!found) return [];
  const { items } = await client.get<KubernetesListObject<V1Pod>>(found.path, found.query);
  return items.filter(found.isOwn);
}

/** The pods that a workload's selector finds and that belong to it. */
export function listPods(client: KubernetesClient, workload: Workload): Promise<V1Pod[]> {
  return podsOf(client, kindOf(workload), workload);
}

export function podsPath(namespace: string | undefined): string {
  return collectionOf({ kind: 'Pod', namespace });
}

export function podPath(pod: V1Pod): string {
  return `${podsPath(pod.metadata?.namespace)}/${encodeURIComponent(pod.metadata?.name ?? '')}`;
}

/** Whether a pod that a workload's selector finds is the workload's own. */
function belongsTo(pod: V1Pod, workload: Workload): boolean {
  const owner = controllerOf(pod);
  if (!isDeployment(workload)) return owner?.uid === workload.metadata?.uid;
  // A ReplicaSet is named after its Deployment and the hash that its pods carry.
  const hash = pod.metadata?.labels?.['pod-template-hash'];
  return owner?.kind === 'ReplicaSet' && owner.name === `${workload.metadata?.name}-${hash}`;
}

/** An object's selector as the API's list parameter; undefined for an empty one, which matches nothing. */
function selectorOf(object: { spec?: { selector?: V1LabelSelector } }): string | undefined {
  const { matchLabels = {}, matchExpressions = [] } = object.spec?.selector ?? {};
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
