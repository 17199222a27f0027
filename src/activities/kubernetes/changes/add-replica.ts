import type {
  KubernetesListObject,
  V1Deployment,
  V1PodDisruptionBudget,
  V1ReplicaSet,
  V2HorizontalPodAutoscaler,
} from '@kubernetes/client-node';
import { isTooStrict } from '../../../model/kubernetes/faults/budgets';
import { wantedReplicas } from '../../../model/kubernetes/objects';
import { controllerOf, isIgnored } from '../../../model/kubernetes/owners';
import type { Target } from '../../../model/target';
import type { KubernetesClient } from '../client';
import { collectionOf, findObject, pathOf, podsOf } from '../resources';
import { fieldsChange } from './fields';

/** Runs one pod more behind a disruption budget for the time of the procedure, where that lets one go. */
export const addReplica = fieldsChange('add-replica', async ({ client }, target) => {
  const budget = await client.get<V1PodDisruptionBudget>(pathOf(target));
  if (!isTooStrict(budget)) return { declined: 'it is not too strict for the pods that there are' };
  const deployment = await deploymentBehind(client, target, budget);
  if (!deployment) return { declined: 'its pods are not those of exactly one Deployment' };
  const { name } = deployment.metadata ?? {};
  if (isIgnored(deployment)) return { declined: `Deployment ${name} is marked to be left alone` };
  const replicas = wantedReplicas(deployment);
  if (allowedWith(budget, replicas + 1) < 1) {
    return { declined: 'it would allow no disruption with one pod more either' };
  }
  const autoscaler = await autoscalerOf(client, target.namespace, name);
  if (autoscaler) return { declined: `its autoscaler ${autoscaler} decides how many pods run` };
  return {
    target: { ...target, kind: 'Deployment', name: name ?? '' },
    object: deployment,
    fields: [{ path: '/spec/replicas', from: replicas, to: replicas + 1 }],
    summary: `scale Deployment ${name} from ${replicas} to ${replicas + 1} until the drain is over`,
    undoSummary: `scale Deployment ${name} back to ${replicas}`,
    temporary: true,
  };
});

/** How many disruptions a budget would allow with so many healthy pods; percentages are rounded up, as Kubernetes does. */
function allowedWith({ spec }: V1PodDisruptionBudget, pods: number): number {
  const { minAvailable, maxUnavailable = 0 } = spec ?? {};
  return minAvailable === undefined
    ? scaled(maxUnavailable, pods)
    : pods - scaled(minAvailable, pods);
}

function scaled(value: number | string, of: number): number {
  const percent = /^(\d+)%$/.exec(String(value))?.[1];
  return percent === undefined ? Number(value) : Math.ceil((Number(percent) * of) / 100);
}

async function deploymentBehind(
  client: KubernetesClient,
  { namespace }: Target,
  budget: V1PodDisruptionBudget,
): Promise<V1Deployment | undefined> {
  const pods = await podsOf(client, 'PodDisruptionBudget', budget);
  const sets = new Set(
    pods.map((pod) => {
      const owner = controllerOf(pod);
      return owner?.kind === 'ReplicaSet' ? owner.name : undefined;
    }),
  );
  const [set] = sets;
  if (sets.size !== 1 || !set) return undefined;
  const path = pathOf({ kind: 'ReplicaSet', namespace, name: set });
  const found = await findObject<V1ReplicaSet>(client, path);
  const owner = found && controllerOf(found);
  if (owner?.kind !== 'Deployment') return undefined;
  return findObject(client, pathOf({ kind: 'Deployment', namespace, name: owner.name }));
}

async function autoscalerOf(
  client: KubernetesClient,
  namespace: string | undefined,
  deployment: string | undefined,
): Promise<string | undefined> {
  const path = collectionOf({ kind: 'HorizontalPodAutoscaler', namespace });
  const { items } = await client.get<KubernetesListObject<V2HorizontalPodAutoscaler>>(path);
  const found = items.find(({ spec }) => {
    const { kind, name } = spec?.scaleTargetRef ?? {};
    return kind === 'Deployment' && name === deployment;
  });
  return found?.metadata?.name;
}
