import type { V1Pod } from '@kubernetes/client-node';
import {
  isObserved,
  isReady,
  isStatefulSet,
  isTerminating,
  kindOf,
  partitionOf,
  replacesOnDelete,
  type Workload,
} from '../../../model/kubernetes/objects';
import { currentOf, isOfRevision } from '../../../model/kubernetes/revisions';
import type { KubernetesClient } from '../client';
import { later } from '../errors';
import { follow } from '../follow';
import { collectionOf, listPods, listRevisions, nameOf } from '../resources';
import { refTo, removePod } from './pods';

const observedWithinMs = 60_000;

/**
 * Deletes the broken pods of a workload that are not of its current revision, where its controller
 * would wait for them for ever: StatefulSets do (kubernetes/kubernetes#67250, «forced rollback»), and
 * whatever replaces pods on delete only. Doing it again finds nothing more to do.
 * @returns names of the pods that were deleted.
 */
export async function replaceBrokenPods(
  client: KubernetesClient,
  changed: Workload,
): Promise<string[]> {
  if (!isStatefulSet(changed) && !replacesOnDelete(changed)) return [];
  const workload = await observed(client, changed);
  const [revisions, pods] = await Promise.all([
    listRevisions(client, workload),
    listPods(client, workload),
  ]);
  const current = currentOf(workload, revisions);
  if (!current) throw later(`${nameOf(workload)} has no revision of its template yet`);
  const broken = pods.filter(
    (pod) =>
      !isOfRevision(pod, current) &&
      !isReady(pod) &&
      !isTerminating(pod) &&
      ordinalOf(pod) >= partitionOf(workload),
  );
  const refs = broken.map(refTo);
  await Promise.all(refs.map((ref) => removePod(client, workload.metadata ?? {}, ref)));
  return refs.map(({ name }) => name);
}

/** Waits until the controller has taken a workload's change in, else it would make the old pods again. */
async function observed(client: KubernetesClient, workload: Workload): Promise<Workload> {
  if (isObserved(workload)) return workload;
  const { namespace, name, generation } = workload.metadata ?? {};
  const path = collectionOf({ kind: kindOf(workload), namespace });
  const enough = AbortSignal.timeout(observedWithinMs);
  const stop = new AbortController();
  enough.addEventListener('abort', () => stop.abort());
  let seen: Workload | undefined;
  const query = { fieldSelector: `metadata.name=${name}` };
  await follow<Workload>(
    client,
    path,
    query,
    ([now]) => {
      if (!now || !isObserved(now)) return;
      seen = now;
      stop.abort();
    },
    stop.signal,
  );
  if (seen) return seen;
  throw later(`${nameOf(workload)}: its controller did not see generation ${generation} in time`);
}

function ordinalOf(pod: V1Pod): number {
  const ordinal = /-(\d+)$/.exec(pod.metadata?.name ?? '')?.[1];
  return ordinal === undefined ? 0 : Number(ordinal);
}
