import type { KubeConfig, V1ObjectMeta } from '@kubernetes/client-node';
import { LRUCache } from 'lru-cache';
import type { Subject } from '../../model/alerts';
import { messageOf, unreachable } from '../../model/errors';
import { controllerOf } from '../../model/kubernetes/owners';
import { getJson, KubernetesStatusError } from '../../service/kubernetes';

const answerTimeoutMs = 3_000;

interface Owned {
  metadata?: V1ObjectMeta;
}

/** Finds the top owners of pods, by the rule that the detector follows too, so that both mean the same incident. */
export class Owners {
  /** A pod's owner never changes, but a pod of the same name may be made anew by another. */
  private readonly known = new LRUCache<string, Promise<Subject | undefined>>({
    max: 10_000,
    ttl: 60_000,
  });

  constructor(private readonly kubeConfig: KubeConfig) {}

  /**
   * The top owner of a pod; undefined where there is no such pod.
   * @throws HomeostatError `unreachable` when the API server does not answer.
   */
  ownerOf(pod: Subject): Promise<Subject | undefined> {
    const key = `${pod.namespace}/${pod.name}`;
    const known = this.known.get(key);
    if (known) return known;
    const asked = this.climb(pod);
    this.known.set(key, asked);
    // Only what was found is kept: a pod that is not there may be there in a moment.
    asked.then(
      (owner) => owner ?? this.known.delete(key),
      () => this.known.delete(key),
    );
    return asked;
  }

  private async climb(pod: Subject): Promise<Subject | undefined> {
    const { namespace } = pod;
    const found = await this.get(`/api/v1/namespaces/${namespace}/pods/${pod.name}`);
    if (!found) return undefined;
    const owner = controllerOf(found);
    // A static pod belongs to its node in name only.
    if (!owner || owner.kind === 'Node') return pod;
    if (owner.kind !== 'ReplicaSet') return { kind: owner.kind, namespace, name: owner.name };
    const set = await this.get(`/apis/apps/v1/namespaces/${namespace}/replicasets/${owner.name}`);
    const top = (set && controllerOf(set)) ?? owner;
    return { kind: top.kind, namespace, name: top.name };
  }

  private async get(path: string): Promise<Owned | undefined> {
    try {
      return await getJson<Owned>(this.kubeConfig, path, AbortSignal.timeout(answerTimeoutMs));
    } catch (error) {
      if (error instanceof KubernetesStatusError && error.status === 404) return undefined;
      const server = this.kubeConfig.getCurrentCluster()?.server ?? '';
      throw unreachable(
        `the API server ${server}`,
        `send it again later (${messageOf(error)})`,
        error,
      );
    }
  }
}
