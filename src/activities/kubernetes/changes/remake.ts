import type { KubernetesObject } from '@kubernetes/client-node';
import { Context } from '@temporalio/activity';
import { isTerminating } from '../../../model/kubernetes/objects';
import type { StepResult } from '../../../model/procedure';
import { formatTarget, type Target } from '../../../model/target';
import type { KubernetesClient, RemoveOptions } from '../client';
import { isConflict, isNotFound } from '../errors';
import { follow } from '../follow';
import { collectionOf, findObject, pathOf } from '../resources';

/** On a new object: the uid of the one that it replaces. */
export const replacesMark = 'homeostat.dev/replaces';

/** An object that is to be made anew under its own name. */
export interface Remake {
  object: Pick<Target, 'kind' | 'namespace' | 'name'>;
  /** Of the object that gives way. */
  uid: string;
  /** JSON of the object to create. */
  manifest: string;
  removal?: RemoveOptions;
}

/** Deletes the object, waits until it is gone, and makes it anew. A repeated attempt goes on where the last one ended. */
export async function remake(client: KubernetesClient, order: Remake): Promise<StepResult> {
  const name = formatTarget(order.object);
  const found = await findObject<KubernetesObject>(client, pathOf(order.object));
  if (found?.metadata?.annotations?.[replacesMark] === order.uid) {
    return { result: 'already', detail: `${name} was made anew` };
  }
  if (found && found.metadata?.uid !== order.uid) {
    return { result: 'superseded', detail: `${name} was replaced by somebody meanwhile` };
  }
  // Only an earlier attempt of this very change may have deleted it.
  if (!found && Context.current().info.attempt === 1) {
    return { result: 'gone', detail: `${name} no longer exists` };
  }
  if (found) await removeAndWait(client, found, order);
  await client.create(collectionOf(order.object), manifestIn(order));
  return { result: 'changed', detail: `${name} was made anew` };
}

/** There is nothing to put back, unless the object was deleted and could not be made anew. */
export async function unmake(client: KubernetesClient, order: Remake): Promise<StepResult> {
  const name = formatTarget(order.object);
  const found = await findObject<KubernetesObject>(client, pathOf(order.object));
  if (found) return { result: 'already', detail: `${name} is there, with its own manifest` };
  await client.create(collectionOf(order.object), manifestIn(order));
  return { result: 'changed', detail: `${name} was made anew` };
}

async function removeAndWait(
  client: KubernetesClient,
  found: KubernetesObject,
  order: Remake,
): Promise<void> {
  if (!isTerminating(found)) {
    await assertCreatable(client, order);
    const { uid, removal } = order;
    await client.remove(pathOf(order.object), { uid }, removal).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  }
  await untilGone(client, order);
}

/** Quotas and admission are asked before the object is deleted: afterwards it would be too late. */
async function assertCreatable(client: KubernetesClient, order: Remake): Promise<void> {
  try {
    await client.create(collectionOf(order.object), manifestIn(order), { dryRun: 'All' });
  } catch (error) {
    const isThereAlready = isConflict(error) && /already exists/.test(String(error));
    if (!isThereAlready) throw error;
  }
}

async function untilGone(client: KubernetesClient, { object, uid }: Remake): Promise<void> {
  const stop = new AbortController();
  const query = { fieldSelector: `metadata.name=${object.name}` };
  const cancelled = Context.current().cancellationSignal;
  const cancel = () => stop.abort();
  cancelled.addEventListener('abort', cancel);
  try {
    await follow<KubernetesObject>(
      client,
      collectionOf(object),
      query,
      (found) => {
        if (!found.some(({ metadata }) => metadata?.uid === uid)) stop.abort();
      },
      stop.signal,
    );
  } finally {
    cancelled.removeEventListener('abort', cancel);
  }
  cancelled.throwIfAborted();
}

function manifestIn({ manifest, uid }: Remake): KubernetesObject {
  const object = JSON.parse(manifest) as KubernetesObject;
  object.metadata ??= {};
  object.metadata.annotations = { ...object.metadata.annotations, [replacesMark]: uid };
  return object;
}
