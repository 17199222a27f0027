import type { V2HorizontalPodAutoscaler } from '@kubernetes/client-node';
import { pathOf } from '../resources';
import { fieldsChange } from './fields';

/** More room for an autoscaler: by a step, up to a cap. */
export const raiseMaxReplicas = fieldsChange(
  'raise-max-replicas',
  async ({ client, settings: { limits } }, target) => {
    const autoscaler = await client.get<V2HorizontalPodAutoscaler>(pathOf(target));
    const from = autoscaler.spec?.maxReplicas ?? 0;
    const wanted = Math.ceil(from * (1 + limits.replicasStep / 100));
    const to = Math.min(wanted, limits.replicasMax);
    if (to <= from) {
      return {
        declined: `its maximum of ${from} is at healing.limits.replicasMax (${limits.replicasMax})`,
      };
    }
    return {
      object: autoscaler,
      fields: [{ path: '/spec/maxReplicas', from, to }],
      summary: `raise its maximum from ${from} to ${to} replicas`,
      undoSummary: `put its maximum of ${from} replicas back`,
    };
  },
);
