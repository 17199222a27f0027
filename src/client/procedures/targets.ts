import type { KubeConfig, V1OwnerReference, V1Pod } from '@kubernetes/client-node';
import { badInput, messageOf, notFound, unreachable } from '../../model/errors';
import { collectionPath, kinds } from '../../model/kubernetes/kinds';
import type { Labelled, Workload } from '../../model/kubernetes/objects';
import { controllerOf } from '../../model/kubernetes/owners';
import { isWorkloadKind } from '../../model/target';
import { getJson, KubernetesStatusError } from '../../service/kubernetes';
import { nearest } from './nearest';

const answerTimeoutMs = 10_000;

/** Kinds that are looked up for what they tell of others; nothing heals them. */
const supporting = [
  'Namespace',
  'Event',
  'ReplicaSet',
  'ControllerRevision',
  'StorageClass',
  'ResourceQuota',
  'Kustomization',
  'HelmRelease',
  'Application',
];

/** Kinds that a person may name. */
const targetKinds = Object.keys(kinds).filter((kind) => !supporting.includes(kind));

/** An object that is there, and its pods. */
export interface LiveTarget {
  kind: string;
  /** Absent for cluster-scoped kinds. */
  namespace?: string;
  name: string;
  object: Labelled;
  pods: V1Pod[];
}

/**
 * The kind and name in `deploy/web`.
 * @throws HomeostatError `bad-input` for an unknown kind, or text of another form.
 */
export function parseObject(text: string): { kind: string; name: string } {
  const [written, name, ...more] = text.split('/');
  if (!written || !name || more.length > 0) {
    throw badInput(`object "${text}"`, 'write it as kind/name, such as deploy/web');
  }
  const kind = targetKinds.find((one) => namesOf(one).includes(written.toLowerCase()));
  if (kind) return { kind, name };
  throw badInput(
    `kind "${written}"`,
    `known are ${targetKinds.join(', ')}${nearest(written, targetKinds.flatMap(namesOf))}`,
  );
}

function namesOf(kind: string): string[] {
  const { plural = '', shortNames = [] } = kinds[kind] ?? {};
  return [kind.toLowerCase(), plural, ...shortNames];
}

/** Reads objects of one namespace from the API server. */
export class ClusterView {
  constructor(
    private readonly kubeConfig: KubeConfig,
    private readonly namespace: string,
  ) {}

  /**
   * The top owner of what was named, with its pods: a pod stands for the workload that would make it anew.
   * @throws HomeostatError `not-found` when it is not there, `bad-input` when its owner is of a kind that nothing heals.
   */
  async target(kind: string, name: string): Promise<LiveTarget> {
    const object = await this.existing<Labelled>(kind, name);
    const namespace = kinds[kind]?.namespaced ? this.namespace : undefined;
    const pods = isWorkloadKind(kind) ? await this.podsOf(object as Workload) : [];
    if (kind !== 'Pod') return { kind, namespace, name, object, pods };
    const owner = await this.topOwner(object as V1Pod);
    if (!owner) return { kind, namespace, name, object, pods: [object as V1Pod] };
    if (targetKinds.includes(owner.kind)) return this.target(owner.kind, owner.name);
    throw badInput(
      `Pod/${name}`,
      `it belongs to ${owner.kind}/${owner.name}, and no runbook heals a ${owner.kind}`,
    );
  }

  private async topOwner(pod: V1Pod): Promise<V1OwnerReference | undefined> {
    const owner = controllerOf(pod);
    if (owner?.kind !== 'ReplicaSet') return owner;
    const path = `/apis/apps/v1/namespaces/${this.namespace}/replicasets/${owner.name}`;
    const set = await this.get<Labelled>(path);
    return (set && controllerOf(set)) ?? owner;
  }

  private async podsOf({ spec }: Workload): Promise<V1Pod[]> {
    const { matchLabels, matchExpressions } = spec?.selector ?? {};
    const labels = Object.entries(matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
    const expressions = (matchExpressions ?? []).map(expressionText);
    const selector = encodeURIComponent([...labels, ...expressions].join(','));
    const list = await this.get<{ items: V1Pod[] }>(
      `/api/v1/namespaces/${this.namespace}/pods?labelSelector=${selector}`,
    );
    return list?.items ?? [];
  }

  private async existing<T extends Labelled>(kind: string, name: string): Promise<T> {
    const object = await this.get<T>(`${this.collection(kind)}/${encodeURIComponent(name)}`);
    if (object) return object;
    const names = await this.names(this.collection(kind));
    const { namespaced } = kinds[kind] ?? {};
    if (namespaced && names.length === 0) await this.checkNamespace();
    const known = names.length > 0 ? `there are ${list(names)}` : 'there is none of that kind';
    const where = namespaced ? ` in namespace "${this.namespace}"` : '';
    throw notFound(`${kind} "${name}"${where}`, `${known}${nearest(name, names)}`);
  }

  private async checkNamespace(): Promise<void> {
    const names = await this.names('/api/v1/namespaces');
    if (names.length === 0 || names.includes(this.namespace)) return;
    throw notFound(
      `namespace "${this.namespace}"`,
      `there are ${list(names)}${nearest(this.namespace, names)}`,
    );
  }

  private collection(kind: string): string {
    return collectionPath(kind, this.namespace) ?? '';
  }

  private async names(collection: string): Promise<string[]> {
    const found = await this.get<{ items: Labelled[] }>(`${collection}?limit=500`);
    return (found?.items ?? []).flatMap(({ metadata }) => metadata?.name ?? []);
  }

  /** The document, or undefined where there is none. */
  private async get<T>(path: string): Promise<T | undefined> {
    try {
      return await getJson<T>(this.kubeConfig, path, AbortSignal.timeout(answerTimeoutMs));
    } catch (error) {
      if (!(error instanceof KubernetesStatusError)) throw this.unreachable(error);
      if (error.status === 404) return undefined;
      throw badInput(`GET ${path}`, error.message);
    }
  }

  private unreachable(error: unknown) {
    const server = this.kubeConfig.getCurrentCluster()?.server ?? '';
    const mend = `start the cluster (homeostat up) or set cluster.kubeconfig (${messageOf(error)})`;
    return unreachable(`the API server ${server}`, mend, error);
  }
}

type Requirement = NonNullable<
  NonNullable<NonNullable<Workload['spec']>['selector']>['matchExpressions']
>[number];

function expressionText({ key, operator, values }: Requirement): string {
  if (operator === 'Exists') return key;
  if (operator === 'DoesNotExist') return `!${key}`;
  return `${key} ${operator === 'In' ? 'in' : 'notin'} (${(values ?? []).join(',')})`;
}

function list(names: string[]): string {
  const shown = names.slice(0, 10).join(', ');
  return names.length > 10 ? `${shown} and ${names.length - 10} more` : shown;
}
