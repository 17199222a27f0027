import type { V1Pod } from '@kubernetes/client-node';
import { isTerminating } from '../../../model/kubernetes/objects';
import type { KubernetesClient } from '../client';
import { ApiError, isConflict, isNotFound } from '../errors';
import { podPath } from '../resources';

/** A pod that may not be evicted yet, and why, naming its disruption budget. */
export interface Blocked {
  pod: string;
  why: string;
}

const manyRequests = 429;
/** A pod under two budgets is refused with this code, until somebody takes one away. */
const serverError = 500;

/**
 * Asks for the eviction of pods, one after the other, since each may use up a budget. Those that are
 * on their way out, gone, or another pod by now are left.
 * @returns those that a disruption budget holds back.
 */
export async function evict(client: KubernetesClient, pods: V1Pod[]): Promise<Blocked[]> {
  const blocked: Blocked[] = [];
  for (const pod of pods) {
    const why = isTerminating(pod) ? undefined : await refusal(client, pod);
    if (why) blocked.push({ pod: podName(pod), why });
  }
  return blocked;
}

/** `shop/web-abc`, for messages. */
export function podName({ metadata }: V1Pod): string {
  return `${metadata?.namespace}/${metadata?.name}`;
}

async function refusal(client: KubernetesClient, pod: V1Pod): Promise<string | undefined> {
  const { name, namespace, uid } = pod.metadata ?? {};
  try {
    await client.create(`${podPath(pod)}/eviction`, {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name, namespace },
      deleteOptions: { preconditions: { uid } },
    });
    return undefined;
  } catch (error) {
    if (isNotFound(error) || isConflict(error)) return undefined;
    if (!(error instanceof ApiError) || ![manyRequests, serverError].includes(error.code))
      throw error;
    return error.causes.join('; ') || error.message;
  }
}
