import type { KubernetesListObject, V1Node } from '@kubernetes/client-node';
import { cordonedBy, unschedulable } from '../../../model/kubernetes/faults/scheduling';
import { heldByMark, isIgnored } from '../../../model/kubernetes/owners';
import { collectionOf, findTarget, podsOf } from '../resources';
import { fieldsChange, pointerTo } from './fields';
import type { ChangeContext } from './kind';

/**
 * Opens a node again that a procedure of ours cordoned and did not live to uncordon, where pods of the
 * target wait for want of one. A node that a person cordoned stays so.
 */
export const uncordon = fieldsChange('uncordon', async (context, target) => {
  const { client } = context;
  const object = await findTarget(client, target);
  if (!object) return { declined: 'the target no longer exists' };
  const refused = (await podsOf(client, target.kind, object)).flatMap(
    (pod) => unschedulable(pod) ?? [],
  );
  if (!refused.some(({ message }) => message?.includes('unschedulable'))) {
    return { declined: 'the scheduler names no cordoned node as a reason' };
  }
  const leaked = await leakedCordon(context);
  if (!leaked) return { declined: 'no node is left cordoned by a procedure that has ended' };
  const name = leaked.metadata?.name ?? '';
  const heldBy = cordonedBy(leaked);
  return {
    object: leaked,
    target: { cluster: target.cluster, kind: 'Node', name },
    fields: [
      { path: '/spec/unschedulable', from: true },
      { path: pointerTo('metadata', 'annotations', heldByMark), from: heldBy },
    ],
    summary: `uncordon node ${name}, which ${heldBy} has left cordoned`,
    undoSummary: `cordon node ${name} again`,
  };
});

async function leakedCordon({ client, isRunning }: ChangeContext): Promise<V1Node | undefined> {
  const { items } = await client.get<KubernetesListObject<V1Node>>(collectionOf({ kind: 'Node' }));
  for (const node of items) {
    const holder = cordonedBy(node);
    if (holder && !isIgnored(node) && !(await isRunning(holder))) return node;
  }
  return undefined;
}
