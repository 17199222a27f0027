import type { V1Node, V1Pod, V1PodDisruptionBudget } from '@kubernetes/client-node';
import type { DetectionSettings, Finding } from '../../healing';
import { isFinished, isoOf, isTerminating, millisOf } from '../objects';

/** Since when a node has been cordoned, in milliseconds since the epoch; undefined where it is not. */
export function cordonedAt({ spec }: V1Node): number | undefined {
  if (!spec?.unschedulable) return undefined;
  const taint = spec.taints?.find(({ key }) => key === 'node.kubernetes.io/unschedulable');
  return millisOf(taint?.timeAdded);
}

/** Pods that a drain of one of the nodes has still to evict. */
export function waitingForDrain(pods: readonly V1Pod[], cordoned: readonly V1Node[]): V1Pod[] {
  const names = cordoned.map(({ metadata }) => metadata?.name);
  return pods.filter(
    (pod) => !isTerminating(pod) && !isFinished(pod) && names.includes(pod.spec?.nodeName),
  );
}

/** Whether a budget allows no disruption although all of its pods are healthy. */
export function isTooStrict({ metadata, status }: V1PodDisruptionBudget): boolean {
  if (!status || (status.observedGeneration ?? 0) < (metadata?.generation ?? 1)) return false;
  const { disruptionsAllowed, expectedPods, currentHealthy } = status;
  return disruptionsAllowed === 0 && expectedPods > 0 && currentHealthy >= expectedPods;
}

/**
 * Whether a budget that is too strict has held up a drain for too long. A refused eviction leaves no
 * trace in the API; a node that stays cordoned with pods of the budget on it does.
 */
export function isHoldingUpDrain(
  budget: V1PodDisruptionBudget,
  { drainDeadlineMs }: DetectionSettings,
  around: { pods: () => V1Pod[]; cordoned: () => V1Node[] },
): Finding | undefined {
  if (!isTooStrict(budget)) return undefined;
  const cordoned = around.cordoned().filter((node) => cordonedAt(node) !== undefined);
  const [pod] = waitingForDrain(around.pods(), cordoned);
  const node = cordoned.find(({ metadata }) => metadata?.name === pod?.spec?.nodeName);
  if (!pod || !node) return undefined;
  const strictSince = budget.status?.conditions?.find(({ type }) => type === 'DisruptionAllowed');
  const since = Math.max(cordonedAt(node) ?? 0, millisOf(strictSince?.lastTransitionTime) ?? 0);
  return {
    since: isoOf(new Date(since))!,
    due: isoOf(new Date(since + drainDeadlineMs))!,
    message: `no disruption is allowed although all ${budget.status?.expectedPods} pods are healthy, so pod ${pod.metadata?.name} cannot leave the cordoned node ${node.metadata?.name}`,
  };
}
