import type { V1Node, V1Taint } from '@kubernetes/client-node';
import type { OutOfServiceChange } from '../../../model/change';
import { isNodeReady, isUnreachable } from '../../../model/kubernetes/node-state';
import { isDeclined, type StepResult } from '../../../model/procedure';
import type { KubernetesClient } from '../client';
import { isConflict, later, refuse } from '../errors';
import { changeDigest } from '../hash';
import { findObject, pathOf } from '../resources';
import type { ChangeOfKind } from './kind';
import { runHook } from './run-hook';

const mostLooks = 10;

/** Has Kubernetes give up the pods and volumes of a node; the value tells whose taint it is. */
const taint: V1Taint = {
  key: 'node.kubernetes.io/out-of-service',
  value: 'homeostat',
  effect: 'NoExecute',
};

/**
 * Declares a node out of service, which lets others take over what it held. Only once the hook `fence`
 * has proved that it is without power, and in the same action: a node that lives would write on.
 */
export const outOfService: ChangeOfKind<'out-of-service'> = {
  async plan(context, { target, token }) {
    const node = await context.client.get<V1Node>(pathOf(target));
    if (!isUnreachable(node)) return { declined: 'its kubelet answers, so its pods can be ended' };
    const fence = await runHook.plan(context, { target, hook: 'fence', token });
    if (isDeclined(fence)) {
      return { declined: `nothing can prove that it is without power: ${fence.declined}` };
    }
    const change: OutOfServiceChange = {
      kind: 'out-of-service',
      target,
      uid: node.metadata?.uid ?? '',
      fence: fence.change,
    };
    return {
      change,
      summary: `${fence.summary}; once that has proved the node to be without power, taint it out-of-service`,
      undoSummary: 'remove the taint',
      digest: changeDigest(change),
      temporary: true,
      needsApproval: fence.needsApproval,
    };
  },

  async make(context, change) {
    const { client } = context;
    const gone = await reasonToStop(client, change);
    if (gone) return gone;
    const proof = await runHook.make(context, change.fence);
    if (proof.result !== 'changed' && proof.result !== 'already') return proof;
    const result = await setTaints(client, change, (taints) => [
      ...taints.filter((one) => !isOurs(one)),
      taint,
    ]);
    return { ...result, evidence: proof.evidence };
  },

  revert: ({ client }, change) =>
    setTaints(client, change, (taints) => taints.filter((one) => !isOurs(one)), {
      evenReady: true,
    }),
};

const isOurs = ({ key, value }: V1Taint) => key === taint.key && value === taint.value;

async function reasonToStop(
  client: KubernetesClient,
  { target, uid }: OutOfServiceChange,
): Promise<StepResult | undefined> {
  const node = await findObject<V1Node>(client, pathOf(target));
  const { name } = target;
  if (node?.metadata?.uid !== uid) return { result: 'gone', detail: `${name} no longer exists` };
  if (isNodeReady(node)) return { result: 'superseded', detail: `${name} is back` };
  return (node.spec?.taints ?? []).some(isOurs)
    ? { result: 'already', detail: `${name} is tainted` }
    : undefined;
}

/** Writes only to the version of the node that was looked at, whose taints others change too. */
async function setTaints(
  client: KubernetesClient,
  { target, uid }: OutOfServiceChange,
  next: (taints: V1Taint[]) => V1Taint[],
  { evenReady = false } = {},
): Promise<StepResult> {
  const path = pathOf(target);
  const { name } = target;
  for (let look = 0; look < mostLooks; look++) {
    const node = await findObject<V1Node>(client, path);
    if (node?.metadata?.uid !== uid) return { result: 'gone', detail: `${name} no longer exists` };
    if (isNodeReady(node) && !evenReady) {
      throw refuse(
        `${name} is back although its fence hook said it was without power: mend the hook`,
      );
    }
    const { taints = [] } = node.spec ?? {};
    const wanted = next(taints);
    if (wanted.length === taints.length && wanted.every((one) => taints.includes(one))) {
      return { result: 'already', detail: `${name} has its taints so` };
    }
    if (await written(client, path, node, wanted)) {
      return { result: 'changed', detail: `the taints of ${name} were changed` };
    }
  }
  throw later(`${name} was changed by others ${mostLooks} times while it was to be changed`);
}

async function written(
  client: KubernetesClient,
  path: string,
  { metadata }: V1Node,
  taints: V1Taint[],
): Promise<boolean> {
  try {
    await client.patch(path, [
      { op: 'test', path: '/metadata/uid', value: metadata?.uid },
      { op: 'test', path: '/metadata/resourceVersion', value: metadata?.resourceVersion },
      { op: 'add', path: '/spec/taints', value: taints },
    ]);
    return true;
  } catch (error) {
    if (!isConflict(error)) throw error;
    return false;
  }
}
