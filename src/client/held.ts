import {
  type KubeConfig,
  type KubernetesObject,
  KubernetesObjectApi,
  PatchStrategy,
} from '@kubernetes/client-node';
import { WorkflowNotFoundError } from '@temporalio/client';
import { messageOf } from '../model/errors';
import {
  clearingPatch,
  type Held,
  heldAmong,
  holdableKinds,
  leakedAmong,
} from '../model/kubernetes/held';
import { kinds } from '../model/kubernetes/kinds';
import { loadKubeConfig } from '../service/kubeconfig';
import type { Session } from './procedures/session';

const pageSize = 500;

/** Objects that carry the mark of a procedure that is over. */
export async function findLeaked({ config, temporal }: Session): Promise<Held[]> {
  const api = KubernetesObjectApi.makeApiClient(loadKubeConfig(config));
  const held: Held[] = [];
  for (const kind of holdableKinds) {
    for await (const objects of pages(api, kind)) {
      held.push(...heldAmong(kind, objects, config.cluster.name));
    }
  }
  const running = new Set<string>();
  // Asked after the objects were read: a procedure that runs now may have marked them since it began.
  for (const id of new Set(held.map(({ heldBy }) => heldBy))) {
    if (await runs(temporal, id)) running.add(id);
  }
  return leakedAmong(held, running);
}

async function* pages(api: KubernetesObjectApi, kind: string): AsyncGenerator<KubernetesObject[]> {
  const apiVersion = kinds[kind]?.api.replace(/^apis?\//, '') ?? '';
  const none = [undefined, undefined, undefined, undefined, undefined, undefined] as const;
  let next: string | undefined;
  do {
    const list = await api.list(apiVersion, kind, ...none, pageSize, next);
    yield list.items;
    next = list.metadata?._continue;
  } while (next);
}

async function runs({ client }: Session['temporal'], id: string): Promise<boolean> {
  try {
    return (await client.workflow.getHandle(id).describe()).status.name === 'RUNNING';
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

/** Takes a leaked mark away, and the cordon with it; says why not where the object has changed meanwhile. */
export async function clearLeaked(kubeConfig: KubeConfig, held: Held): Promise<string | undefined> {
  const api = KubernetesObjectApi.makeApiClient(kubeConfig);
  try {
    await api.patch(
      clearingPatch(held) as unknown as KubernetesObject,
      undefined,
      undefined,
      'homeostat',
      undefined,
      PatchStrategy.MergePatch,
    );
    return undefined;
  } catch (error) {
    return messageOf(error).split('\n')[0];
  }
}
