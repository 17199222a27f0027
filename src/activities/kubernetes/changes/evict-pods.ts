import { setTimeout as sleep } from 'node:timers/promises';
import type { V1Node, V1Pod } from '@kubernetes/client-node';
import { Context } from '@temporalio/activity';
import type { EvictPodsChange } from '../../../model/change';
import { pressuresOf } from '../../../model/kubernetes/faults/node';
import { isMovable } from '../../../model/kubernetes/node-state';
import { isTerminating } from '../../../model/kubernetes/objects';
import { controllerOf, isIgnored, isProtected } from '../../../model/kubernetes/owners';
import { changeDigest } from '../hash';
import { requestedBytes } from '../quantity';
import { pathOf, podsOf } from '../resources';
import { evict, podName } from './evict';
import type { ChangeOfKind } from './kind';

const againMs = 2_000;
const patienceMs = 60_000;
/** From here on, Kubernetes' own scheduler counts a pod as critical to its node or cluster. */
const criticalPriority = 2_000_000_000;

/** Evicts a few pods of a node that is short of something: those first that promise least and ask for most. */
export const evictPods: ChangeOfKind<'evict-pods'> = {
  async plan({ client, settings }, { target }) {
    const node = await client.get<V1Node>(pathOf(target));
    const types = pressuresOf(node).map(({ type }) => type);
    if (types.length === 0) return { declined: 'the node is short of nothing' };
    const pods = inOrder(await podsOf(client, 'Node', node), resourceOf(types));
    const chosen = pods.slice(0, settings.limits.evictAtOnce);
    if (chosen.length === 0) return { declined: 'no pod on the node may be evicted' };
    const change: EvictPodsChange = {
      kind: 'evict-pods',
      target,
      uid: node.metadata?.uid ?? '',
      pods: chosen.map((pod) => ({ name: podName(pod), uid: pod.metadata?.uid ?? '' })),
    };
    const names = change.pods.map(({ name }) => name).join(', ');
    return {
      change,
      summary: `evict ${names}`,
      undoSummary: 'nothing: the pods stay where they are',
      digest: changeDigest(change),
    };
  },

  async make({ client }, { target, pods }) {
    const cancelled = Context.current().cancellationSignal;
    const deadline = Date.now() + patienceMs;
    const node = { metadata: { name: target.name } };
    for (;;) {
      cancelled.throwIfAborted();
      const there = await podsOf(client, 'Node', node);
      const left = there.filter(({ metadata }) => pods.some(({ uid }) => uid === metadata?.uid));
      const blocked = await evict(client, left);
      if (blocked.length === 0) return { result: 'changed', detail: 'the pods were evicted' };
      const why = blocked.map((one) => `${one.pod} (${one.why})`).join(', ');
      if (Date.now() > deadline) {
        const result = blocked.length < pods.length ? 'changed' : 'superseded';
        return { result, detail: `held back by their disruption budgets: ${why}` };
      }
      await sleep(againMs);
    }
  },

  revert: async () => ({ result: 'already', detail: 'the pods stay where they are' }),
};

/** Pods that may go, the one that should go first in front. */
function inOrder(pods: V1Pod[], resource: string): V1Pod[] {
  return pods
    .filter(mayGo)
    .sort(
      (one, other) =>
        (one.spec?.priority ?? 0) - (other.spec?.priority ?? 0) ||
        promise(one) - promise(other) ||
        requestedBytes(other, resource) - requestedBytes(one, resource),
    );
}

function mayGo(pod: V1Pod): boolean {
  return (
    isMovable(pod) &&
    !isTerminating(pod) &&
    !isIgnored(pod) &&
    !isProtected(pod) &&
    controllerOf(pod) !== undefined &&
    (pod.spec?.priority ?? 0) < criticalPriority
  );
}

/** How much a pod was promised, by its quality of service. */
function promise(pod: V1Pod): number {
  return ['BestEffort', 'Burstable', 'Guaranteed'].indexOf(pod.status?.qosClass ?? 'BestEffort');
}

function resourceOf(pressures: string[]): string {
  return pressures.includes('DiskPressure') ? 'ephemeral-storage' : 'memory';
}
