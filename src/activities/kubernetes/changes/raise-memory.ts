import type { KubernetesListObject, V1Node, V1Pod, V1ResourceQuota } from '@kubernetes/client-node';
import type { HealingLimits, RaisedMemory, RaiseMemoryChange } from '../../../model/change';
import { wasEndedForMemory } from '../../../model/kubernetes/faults/containers';
import {
  containerStatuses,
  isFinished,
  type PodTemplate,
  type Workload,
  wantedReplicas,
} from '../../../model/kubernetes/objects';
import type { Declined, StepResult } from '../../../model/procedure';
import type { KubernetesClient } from '../client';
import { changeDigest } from '../hash';
import { bytesOf, requestedBytes, toMebibytes } from '../quantity';
import { collectionOf, listPods, needWorkload, pathOf, podsPath } from '../resources';
import type { ChangeOfKind } from './kind';
import { changeTemplate } from './template-change';

/**
 * More memory for the containers that were killed for want of it: by a step, up to a cap, where quota
 * and nodes have room for it. Planning it fails for good when the kind has no pod template.
 */
export const raiseMemory: ChangeOfKind<'raise-memory'> = {
  async plan({ client, settings: { limits } }, { target }) {
    const workload = await needWorkload(client, target);
    const killed = (await listPods(client, workload)).filter(wasKilled);
    const raised = raisesFor(workload, killed, limits);
    if ('declined' in raised) return raised;
    const obstacle =
      (await quotaObstacle(client, workload, raised)) ??
      (await nodeObstacle(client, killed, raised));
    if (obstacle) return { declined: obstacle };
    const change: RaiseMemoryChange = {
      kind: 'raise-memory',
      target,
      uid: workload.metadata?.uid ?? '',
      raised,
    };
    const each = (one: 'from' | 'to') =>
      raised.map((limit) => `${limit.container} to ${limit[one]}`).join(', ');
    return {
      change,
      summary: `raise the memory limit of ${each('to')}`,
      undoSummary: `put the memory limit of ${each('from')} back`,
      digest: changeDigest(change),
    };
  },
  make: ({ client }, change) => swapLimits(client, change, 'from', 'to'),
  revert: ({ client }, change) => swapLimits(client, change, 'to', 'from'),
};

const wasKilled = (pod: V1Pod) => containerStatuses(pod).some(wasEndedForMemory);

/** The raise for each container that was killed, or why there is none. */
function raisesFor(
  workload: Workload,
  killed: V1Pod[],
  { memoryStep, memoryMax }: HealingLimits,
): RaisedMemory[] | Declined {
  const statuses = killed.flatMap(containerStatuses).filter(wasEndedForMemory);
  const names = [...new Set(statuses.map(({ name }) => name))];
  if (names.length === 0) return { declined: 'none of its pods was killed for its memory' };
  const raised: RaisedMemory[] = [];
  for (const container of names) {
    const from = limitIn(workload.spec?.template, container);
    if (!from)
      return { declined: `container ${container} has no memory limit: its node ran short` };
    const to = Math.min(bytesOf(from) * (1 + memoryStep / 100), bytesOf(memoryMax));
    if (to <= bytesOf(from)) {
      return {
        declined: `the memory limit of container ${container}, ${from}, is at healing.limits.memoryMax (${memoryMax})`,
      };
    }
    raised.push({ container, from, to: toMebibytes(to) });
  }
  return raised;
}

/** Why a quota of the namespace leaves no room; undefined where all do. */
async function quotaObstacle(
  client: KubernetesClient,
  workload: Workload,
  raised: RaisedMemory[],
): Promise<string | undefined> {
  const path = collectionOf({ kind: 'ResourceQuota', namespace: workload.metadata?.namespace });
  const { items } = await client.get<KubernetesListObject<V1ResourceQuota>>(path);
  const needed = increaseOf(raised) * wantedReplicas(workload);
  const short = items.find(({ status }) => {
    const hard = status?.hard?.['limits.memory'];
    return hard && bytesOf(hard) - bytesOf(status?.used?.['limits.memory']) < needed;
  });
  return (
    short && `the quota ${short.metadata?.name} leaves no room for ${toMebibytes(needed)} more`
  );
}

/** Why a node of the killed pods has no room; undefined where all have. */
async function nodeObstacle(
  client: KubernetesClient,
  killed: V1Pod[],
  raised: RaisedMemory[],
): Promise<string | undefined> {
  const names = killed.flatMap(({ spec }) => spec?.nodeName ?? []);
  for (const name of new Set(names)) {
    const needed = increaseOf(raised) * names.filter((one) => one === name).length;
    if ((await unrequestedOn(client, name)) < needed) {
      return `node ${name} has less than ${toMebibytes(needed)} of memory that nothing requests`;
    }
  }
  return undefined;
}

/** Bytes of a node's memory that no pod on it requests. */
async function unrequestedOn(client: KubernetesClient, name: string): Promise<number> {
  const fieldSelector = `spec.nodeName=${name}`;
  const [node, pods] = await Promise.all([
    client.get<V1Node>(pathOf({ kind: 'Node', name })),
    client.get<KubernetesListObject<V1Pod>>(podsPath(undefined), { fieldSelector }),
  ]);
  const requested = pods.items
    .filter((pod) => !isFinished(pod))
    .map((pod) => requestedBytes(pod, 'memory'));
  return bytesOf(node.status?.allocatable?.memory) - sum(requested);
}

const increaseOf = (raised: RaisedMemory[]) =>
  sum(raised.map(({ from, to }) => bytesOf(to) - bytesOf(from)));

const sum = (numbers: number[]) => numbers.reduce((total, one) => total + one, 0);

function swapLimits(
  client: KubernetesClient,
  { target, uid, raised }: RaiseMemoryChange,
  from: 'from' | 'to',
  to: 'from' | 'to',
): Promise<StepResult> {
  const has = (template: PodTemplate, side: 'from' | 'to') =>
    raised.every((limit) => limitIn(template, limit.container) === limit[side]);
  return changeTemplate(client, {
    target,
    uid,
    isDone: (template) => has(template, to),
    isExpected: (template) => has(template, from),
    wanted: ({ spec }) => {
      const template = structuredClone(spec?.template ?? {});
      for (const limit of raised) setLimit(template, limit.container, limit[to]);
      return template;
    },
    done: `has the memory limits ${raised.map((limit) => limit[to]).join(', ')}`,
  });
}

function limitIn(template: PodTemplate | undefined, container: string): string | undefined {
  return containerIn(template, container)?.resources?.limits?.memory;
}

function setLimit(template: PodTemplate, container: string, memory: string): void {
  const limits = containerIn(template, container)?.resources?.limits;
  if (limits) limits.memory = memory;
}

function containerIn(template: PodTemplate | undefined, name: string) {
  const { containers = [], initContainers = [] } = template?.spec ?? {};
  return [...containers, ...initContainers].find((container) => container.name === name);
}
