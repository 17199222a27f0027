import { setTimeout as sleep } from 'node:timers/promises';
import type { KubernetesListObject, KubernetesObject } from '@kubernetes/client-node';
import type { KubernetesClient, Query } from './client';
import { ApiError, isExpired, Unanswered } from './errors';

const shortestPauseMs = 100;
const longestPauseMs = 5_000;

/**
 * Keeps a copy of a collection: lists it, watches from there, goes on after a disconnect and lists
 * anew where that is not possible. `changed` gets the whole copy after the list and after each event.
 * Ends when `signal` aborts.
 * @throws ApiError when the API server refuses for good, such as 403.
 */
export async function follow<T extends KubernetesObject>(
  client: KubernetesClient,
  path: string,
  query: Query,
  changed: (objects: T[]) => void,
  signal: AbortSignal,
): Promise<void> {
  let copy = new Map<string, T>();
  let resourceVersion: string | undefined;
  let pauseMs = shortestPauseMs;

  async function list(): Promise<string> {
    const { items, metadata } = await client.get<KubernetesListObject<T>>(path, query);
    copy = new Map(items.map((item) => [keyOf(item), item]));
    changed([...copy.values()]);
    return metadata?.resourceVersion ?? '';
  }

  async function watch(from: string): Promise<void> {
    for await (const { type, object } of client.watch<T>(
      path,
      { ...query, resourceVersion: from },
      signal,
    )) {
      if (type === 'ERROR') throw errorIn(path, object);
      resourceVersion = object.metadata?.resourceVersion;
      pauseMs = shortestPauseMs;
      if (type === 'BOOKMARK') continue;
      if (type === 'DELETED') copy.delete(keyOf(object));
      else copy.set(keyOf(object), object);
      changed([...copy.values()]);
    }
  }

  while (!signal.aborted) {
    try {
      resourceVersion ??= await list();
      await watch(resourceVersion);
    } catch (error) {
      if (signal.aborted) return;
      if (isExpired(error)) resourceVersion = undefined;
      else if (!isPassing(error)) throw error;
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
    }
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
  }
}

function keyOf(object: KubernetesObject): string {
  return object.metadata?.uid ?? object.metadata?.name ?? '';
}

function errorIn(path: string, object: unknown): ApiError {
  const { code = 500 } = object as { code?: number };
  return new ApiError(`WATCH ${path}`, code, object as object);
}

function isPassing(error: unknown): boolean {
  if (error instanceof Unanswered) return true;
  return error instanceof ApiError && (error.code === 429 || error.code >= 500);
}
