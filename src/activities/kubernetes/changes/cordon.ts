import type { V1Node } from '@kubernetes/client-node';
import { isIgnored } from '../../../model/kubernetes/owners';
import { pathOf } from '../resources';
import { fieldsChange } from './fields';

/** Keeps new pods off a node for the time of the procedure; a node that somebody else cordoned is left so. */
export const cordon = fieldsChange('cordon', async ({ client }, target) => {
  const node = await client.get<V1Node>(pathOf(target));
  if (isIgnored(node)) return { declined: 'the node is marked homeostat.dev/ignore' };
  const { unschedulable } = node.spec ?? {};
  if (unschedulable) return { declined: 'somebody has cordoned it already' };
  return {
    object: node,
    fields: [{ path: '/spec/unschedulable', from: unschedulable, to: true }],
    summary: 'cordon the node',
    undoSummary: 'uncordon the node',
    temporary: true,
  };
});
