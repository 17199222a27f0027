import { setTimeout as sleep } from 'node:timers/promises';
import type { V1Node, V1Pod } from '@kubernetes/client-node';
import { Context } from '@temporalio/activity';
import type { DrainChange, DrainSettings, PlannedChange } from '../../../model/change';
import { formatDuration } from '../../../model/duration';
import { isGivenUp, isMovable, wasUncordoned } from '../../../model/kubernetes/node-state';
import { controllerOf, isIgnored, isProtected } from '../../../model/kubernetes/owners';
import type { Declined, StepResult } from '../../../model/procedure';
import type { Target } from '../../../model/target';
import type { KubernetesClient } from '../client';
import { refuse } from '../errors';
import { changeDigest } from '../hash';
import { findObject, pathOf, podsOf } from '../resources';
import { type Blocked, evict, podName } from './evict';
import type { ChangeOfKind } from './kind';

const againMs = 2_000;
const mostNamed = 50;
const mostShown = 5;

/**
 * Moves a node's pods elsewhere by the Eviction API, as far as their disruption budgets allow. What
 * DaemonSets and the kubelet's own files keep on the node stays. Planning it fails for good where
 * more pods need a person's word than a person can read.
 */
export const drain: ChangeOfKind<'drain'> = {
  plan: ({ client, settings }, { target }) => planDrain(client, settings.drain, target),
  make: ({ client, settings }, change) => makeDrain(client, settings.drain, change),
  // Where they are now, they do their work.
  revert: async () => ({ result: 'already', detail: 'the pods stay where they are' }),
};

async function planDrain(
  client: KubernetesClient,
  settings: DrainSettings,
  target: Target,
): Promise<PlannedChange<DrainChange> | Declined> {
  const node = await client.get<V1Node>(pathOf(target));
  const pods = await movablePods(client, node);
  if (pods.length === 0) return { declined: 'no pod on the node is to be moved' };
  const losses = pods.flatMap((pod) => {
    const why = lossOf(pod, settings);
    return why ? [{ pod, why }] : [];
  });
  if (losses.length > mostNamed) {
    throw refuse(
      `${losses.length} pods on ${target.name} need a person's word: drain it by hand, or set healing.drain to evict them`,
    );
  }
  const change: DrainChange = {
    kind: 'drain',
    target,
    uid: node.metadata?.uid ?? '',
    named: losses.map(({ pod }) => pod.metadata?.uid ?? '').sort(),
  };
  const needsApproval = losses.map(({ pod, why }) => `${podName(pod)} ${why}`);
  return {
    change,
    summary: 'move its pods to other nodes, as far as their disruption budgets allow',
    undoSummary: 'nothing: the pods stay where they are',
    digest: changeDigest(change),
    ...(needsApproval.length > 0 && { needsApproval: shown(needsApproval) }),
  };
}

/** Why a pod's eviction is a loss that a person must agree to; undefined where it is none. */
function lossOf(pod: V1Pod, { unmanagedPods, emptyDir }: DrainSettings): string | undefined {
  if (isIgnored(pod)) return 'is marked homeostat.dev/ignore';
  if (isProtected(pod)) return 'is protected';
  if (unmanagedPods === 'approve' && !controllerOf(pod))
    return 'has no controller that would make it anew';
  const local = pod.spec?.volumes?.find((volume) => volume.emptyDir);
  if (emptyDir === 'approve' && local) return `loses its emptyDir ${local.name}`;
  return undefined;
}

async function makeDrain(
  client: KubernetesClient,
  settings: DrainSettings,
  change: DrainChange,
): Promise<StepResult> {
  const context = Context.current();
  const { name } = change.target;
  const deadline = context.info.scheduledTimestampMs + settings.timeoutMs;
  let evicted = false;
  for (;;) {
    context.cancellationSignal.throwIfAborted();
    const node = await findObject<V1Node>(client, pathOf(change.target));
    if (node?.metadata?.uid !== change.uid)
      return { result: 'gone', detail: `${name} no longer exists` };
    if (wasUncordoned(node))
      return { result: 'superseded', detail: `somebody uncordoned ${name}, so nothing more moves` };
    const left = await podsLeft(client, node);
    if (left.length === 0)
      return { result: evicted ? 'changed' : 'already', detail: `${name} is drained` };
    refuseUnnamed(left, settings, change);
    const blocked = await evict(client, left);
    evicted = true;
    context.heartbeat({ left: left.length, blocked: blocked.slice(0, mostShown) });
    if (Date.now() >= deadline) throw refuse(whyNotDrained(name, settings, left, blocked));
    await sleep(againMs);
  }
}

async function movablePods(client: KubernetesClient, node: V1Node): Promise<V1Pod[]> {
  return (await podsOf(client, 'Node', node)).filter(isMovable);
}

async function podsLeft(client: KubernetesClient, node: V1Node): Promise<V1Pod[]> {
  const pods = await movablePods(client, node);
  return pods.filter((pod) => !isGivenUp(pod, node, Date.now()));
}

/** A pod that came after the approval was not approved. */
function refuseUnnamed(pods: V1Pod[], settings: DrainSettings, { named }: DrainChange): void {
  for (const pod of pods) {
    const why = lossOf(pod, settings);
    if (!why || named.includes(pod.metadata?.uid ?? '')) continue;
    throw refuse(`${podName(pod)} ${why}, and came after the drain was planned: plan anew`);
  }
}

function whyNotDrained(
  name: string,
  { timeoutMs }: DrainSettings,
  left: V1Pod[],
  blocked: Blocked[],
): string {
  const why = blocked.map(({ pod, why }) => `${pod} (${why})`);
  const rest = left.filter((pod) => !blocked.some((one) => one.pod === podName(pod)));
  const ending = rest.map((pod) => `${podName(pod)} (still terminating)`);
  return `${name} was not drained within ${formatDuration(timeoutMs)}: ${shown([...why, ...ending])}; free the budget or the pod, and heal the node again`;
}

function shown(items: string[]): string {
  const more = items.length > mostShown ? ` and ${items.length - mostShown} more` : '';
  return `${items.slice(0, mostShown).join(', ')}${more}`;
}
