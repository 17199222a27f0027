import type { V1PodDisruptionBudget } from '@kubernetes/client-node';
import { isTooStrict } from '../../../model/kubernetes/faults/budgets';
import { pathOf } from '../resources';
import { fieldsChange } from './fields';

/** Lets a budget allow one disruption for the time of the procedure. */
export const relaxBudget = fieldsChange('relax-budget', async ({ client }, target) => {
  const budget = await client.get<V1PodDisruptionBudget>(pathOf(target));
  if (!isTooStrict(budget)) return { declined: 'it is not too strict for the pods that there are' };
  const { minAvailable, maxUnavailable } = budget.spec ?? {};
  const healthy = budget.status?.currentHealthy ?? 0;
  const field =
    minAvailable === undefined
      ? { path: '/spec/maxUnavailable', from: maxUnavailable, to: 1 }
      : { path: '/spec/minAvailable', from: minAvailable, to: healthy - 1 };
  const name = field.path.split('/').at(-1);
  return {
    object: budget,
    fields: [field],
    summary: `set ${name} to ${field.to} until the drain is over`,
    undoSummary: `set ${name} back to ${String(field.from)}`,
    temporary: true,
  };
});
