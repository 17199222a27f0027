import type { V1Pod } from '@kubernetes/client-node';
import { hasEnded } from '../../../model/kubernetes/faults/pods';
import { isConflict, isNotFound, later } from '../errors';
import { stuckPods } from './force-delete';
import { findPod, namesOf, pathTo, podsChange, refTo } from './pods';

/** Kubernetes' own, which its controllers remove when they have done their part. */
const kubernetesOwn = /^(batch\.kubernetes\.io\/job-tracking|foregroundDeletion|orphan)$/;

/** Takes foreign finalizers off pods that have ended and are kept by nothing else. */
export const removeFinalizers = podsChange(
  'remove-finalizers',
  async (context, target) => {
    const stuck = (await stuckPods(context, target)).filter(hasEnded);
    const pods = stuck
      .map((pod) => ({ ...refTo(pod), finalizers: foreignOn(pod) }))
      .filter(({ finalizers }) => finalizers.length > 0);
    if (pods.length === 0) return { declined: 'no foreign finalizer keeps a pod of it' };
    const names = [...new Set(pods.flatMap(({ finalizers }) => finalizers))];
    return { pods, summary: `remove the finalizers ${names.join(', ')} of ${namesOf(pods)}` };
  },
  async (client, target, ref) => {
    const pod = await findPod(client, target, ref);
    const { finalizers = [], resourceVersion } = pod?.metadata ?? {};
    const kept = finalizers.filter((finalizer) => !ref.finalizers?.includes(finalizer));
    if (!pod || kept.length === finalizers.length) return false;
    try {
      await client.patch(pathTo(target, ref), [
        { op: 'test', path: '/metadata/uid', value: ref.uid },
        { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion },
        { op: 'replace', path: '/metadata/finalizers', value: kept },
      ]);
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      if (isConflict(error)) throw later(`pod ${ref.name} was changed meanwhile`);
      throw error;
    }
  },
);

function foreignOn({ metadata }: V1Pod): string[] {
  return (metadata?.finalizers ?? []).filter((name) => !kubernetesOwn.test(name));
}
