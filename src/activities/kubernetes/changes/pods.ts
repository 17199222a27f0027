import type { V1Pod } from '@kubernetes/client-node';
import { Context } from '@temporalio/activity';
import type { PodRef, PodsChange, PodsChangeKind } from '../../../model/change';
import { isIgnored } from '../../../model/kubernetes/owners';
import type { Declined, Planned, StepResult } from '../../../model/procedure';
import { formatTarget, type Target } from '../../../model/target';
import type { KubernetesClient } from '../client';
import { isConflict, isNotFound } from '../errors';
import { changeDigest } from '../hash';
import { findObject, pathOf, podsOf } from '../resources';
import type { ChangeContext, ChangeOfKind } from './kind';

/** What a plan of a `podsChange` answers. */
export interface PodsPlan extends Pick<Planned, 'summary'> {
  pods: PodRef[];
}

/** Does its work on the very pod; false where nothing was left to do. */
type ActOnPod = (client: KubernetesClient, target: Target, pod: PodRef) => Promise<boolean>;

/** A kind of change that ends some pods of a target for good, each only while it is the very pod. */
export function podsChange<K extends PodsChangeKind>(
  kind: K,
  plan: (context: ChangeContext, target: Target) => Promise<PodsPlan | Declined>,
  act: ActOnPod,
): ChangeOfKind<K> {
  return {
    async plan(context, { target }) {
      const planned = await plan(context, target);
      if ('declined' in planned) return planned;
      const change: PodsChange<K> = { kind, target, uid: '', pods: planned.pods };
      return {
        summary: planned.summary,
        undoSummary: 'nothing: it cannot be undone',
        change: change as never,
        digest: changeDigest(change as never),
      };
    },
    make: ({ client }, change) => actOnAll(client, change, act),
    revert: async (_context, { pods }) => ({
      result: 'gone',
      detail: `it cannot be undone: ${namesOf(pods)}`,
    }),
  };
}

async function actOnAll(
  client: KubernetesClient,
  { target, pods }: PodsChange<string>,
  act: ActOnPod,
): Promise<StepResult> {
  const touched: PodRef[] = [];
  for (const pod of pods) if (await act(client, target, pod)) touched.push(pod);
  if (touched.length > 0) return { result: 'changed', detail: namesOf(touched) };
  const detail = `${formatTarget(target)}: none of the pods is left`;
  // Only an earlier attempt of this very change may have got there first.
  return { result: Context.current().info.attempt > 1 ? 'already' : 'gone', detail };
}

/** The pods of a target, without those that are marked to be left alone. */
export async function ownPods(client: KubernetesClient, target: Target): Promise<V1Pod[]> {
  const pods = await podsOf(client, target.kind, await client.get(pathOf(target)));
  return pods.filter((pod) => !isIgnored(pod));
}

/** What a change keeps of a pod, to find exactly this one again. */
export function refTo({ metadata }: V1Pod): PodRef {
  return { name: metadata?.name ?? '', uid: metadata?.uid ?? '' };
}

export function pathTo({ namespace }: Pick<Target, 'namespace'>, { name }: PodRef): string {
  return pathOf({ kind: 'Pod', namespace, name });
}

/** The very pod; undefined where it is gone, or another has its name. */
export async function findPod(
  client: KubernetesClient,
  target: Target,
  ref: PodRef,
): Promise<V1Pod | undefined> {
  const pod = await findObject<V1Pod>(client, pathTo(target, ref));
  return pod?.metadata?.uid === ref.uid ? pod : undefined;
}

/** Deletes the very pod; false where it was gone already, or another has its name by now. */
export async function removePod(
  client: KubernetesClient,
  place: Pick<Target, 'namespace'>,
  ref: PodRef,
  options?: { gracePeriodSeconds: number },
): Promise<boolean> {
  try {
    await client.remove(pathTo(place, ref), { uid: ref.uid }, options);
    return true;
  } catch (error) {
    if (isNotFound(error) || isConflict(error)) return false;
    throw error;
  }
}

/** Some of the names, for a sentence. */
export function namesOf(refs: readonly PodRef[]): string {
  const shown = refs.slice(0, 5).map(({ name }) => name);
  const more = refs.length - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}
