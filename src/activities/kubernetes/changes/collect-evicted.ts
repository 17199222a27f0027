import type { V1Pod } from '@kubernetes/client-node';
import { isEvicted } from '../../../model/kubernetes/faults/pods';
import { millisOf } from '../../../model/kubernetes/objects';
import { namesOf, ownPods, podsChange, refTo, removePod } from './pods';

const mostPods = 100;

/** Deletes what evicted pods left behind in the API, the oldest first. */
export const collectEvicted = podsChange(
  'collect-evicted',
  async ({ client }, target) => {
    const evicted = (await ownPods(client, target)).filter(isEvicted).sort(byAge);
    const pods = evicted.slice(0, mostPods).map(refTo);
    if (pods.length === 0) return { declined: 'no evicted pod of it is left' };
    const left = evicted.length - pods.length;
    const rest = left > 0 ? `; ${left} more are left for the next time` : '';
    return {
      pods,
      summary: `delete ${pods.length} evicted pods of it: ${namesOf(pods)}${rest}`,
    };
  },
  removePod,
);

function byAge(one: V1Pod, other: V1Pod): number {
  const created = ({ metadata }: V1Pod) => millisOf(metadata?.creationTimestamp) ?? 0;
  return created(one) - created(other);
}
