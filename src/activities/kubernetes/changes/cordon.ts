import type { V1Node } from '@kubernetes/client-node';
import type { FieldsChange } from '../../../model/change';
import { wasUncordoned } from '../../../model/kubernetes/node-state';
import { isIgnored, vetoedMark } from '../../../model/kubernetes/owners';
import type { KubernetesClient } from '../client';
import { findObject, pathOf } from '../resources';
import { fieldsChange, pointerTo } from './fields';
import type { ChangeOfKind } from './kind';

const fields = fieldsChange('cordon', async ({ client }, target) => {
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

/**
 * Keeps new pods off a node for the time of the procedure; a node that somebody else cordoned is left
 * so. Who uncordons it meanwhile has vetoed the healing of its fault, which the node then tells by a mark.
 */
export const cordon: ChangeOfKind<'cordon'> = {
  ...fields,
  async revert(context, change) {
    await noteVeto(context.client, change);
    return fields.revert(context, change);
  },
};

/** Before the mark goes by which the veto is known. */
async function noteVeto(client: KubernetesClient, change: FieldsChange<'cordon'>): Promise<void> {
  const path = pathOf(change.target);
  const node = await findObject<V1Node>(client, path);
  if (!node || !wasUncordoned(node, change.heldBy)) return;
  await client.patch(path, [
    { op: 'test', path: '/metadata/uid', value: change.uid },
    {
      op: 'add',
      path: pointerTo('metadata', 'annotations', vetoedMark),
      value: new Date().toISOString(),
    },
  ]);
}
