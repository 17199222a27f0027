import type { V1Pod } from '@kubernetes/client-node';
import { hasEnded, isStuckTerminating } from '../../../model/kubernetes/faults/pods';
import { controllerOf } from '../../../model/kubernetes/owners';
import type { Target } from '../../../model/target';
import type { ChangeContext } from './kind';
import { findPod, namesOf, ownPods, podsChange, refTo, removePod } from './pods';

const mostPods = 20;

/**
 * Deletes pods that are stuck in terminating without waiting for their nodes to confirm it. Left out are
 * pods whose process might still write: those of StatefulSets, and those with a volume that outlives them.
 */
export const forceDelete = podsChange(
  'force-delete',
  async (context, target) => {
    const stuck = (await stuckPods(context, target)).filter((pod) => !hasEnded(pod));
    if (stuck.length === 0) return { declined: 'no pod of it waits for its node to confirm' };
    const pods = stuck.filter((pod) => !mayStillWrite(pod)).map(refTo);
    if (pods.length === 0) {
      const why = 'of a StatefulSet or with a lasting volume, and its process might still write';
      return { declined: `${namesOf(stuck.map(refTo))}: ${why}` };
    }
    return { pods, summary: `force the deletion of ${namesOf(pods)}` };
  },
  async (client, target, ref) => {
    const pod = await findPod(client, target, ref);
    if (!pod || hasEnded(pod)) return false;
    return removePod(client, target, ref, { gracePeriodSeconds: 0 });
  },
);

/** Pods of a target that have been terminating for longer than the deadline. */
export async function stuckPods(
  { client, detection }: ChangeContext,
  target: Target,
): Promise<V1Pod[]> {
  const pods = await ownPods(client, target);
  const now = Date.now();
  const isStuck = (pod: V1Pod) => {
    const finding = isStuckTerminating(pod, detection);
    return finding !== undefined && Date.parse(finding.due) <= now;
  };
  return pods.filter(isStuck).slice(0, mostPods);
}

function mayStillWrite(pod: V1Pod): boolean {
  const outlives = (pod.spec?.volumes ?? []).some((volume) => volume.persistentVolumeClaim);
  return outlives || controllerOf(pod)?.kind === 'StatefulSet';
}
