import type { V1Pod } from '@kubernetes/client-node';
import type { DetectionSettings, Finding } from '../../healing';
import {
  isFinished,
  isoAfter,
  isReady,
  isStatefulSet,
  isTerminating,
  kindOf,
  type Workload,
} from '../objects';
import { unreadySince } from './containers';

/**
 * Whether ordinals of a StatefulSet stay unready outside a rollout, for which `isRolloutStuck` looks.
 * @param around its pods.
 */
export function hasStuckOrdinal(
  workload: Workload,
  settings: DetectionSettings,
  around: { pods: () => V1Pod[] },
): Finding | undefined {
  if (!isStatefulSet(workload) || isTerminating(workload)) return undefined;
  const { currentRevision, updateRevision } = workload.status ?? {};
  if (currentRevision !== updateRevision) return undefined;
  return unreadyFinding(around.pods(), settings);
}

/**
 * Whether pods of a DaemonSet stay unready on some nodes, inside a rollout or outside.
 * @param around its pods.
 */
export function hasStuckNodes(
  workload: Workload,
  settings: DetectionSettings,
  around: { pods: () => V1Pod[] },
): Finding | undefined {
  if (kindOf(workload) !== 'DaemonSet' || isTerminating(workload)) return undefined;
  return unreadyFinding(around.pods(), settings);
}

function unreadyFinding(
  pods: V1Pod[],
  { unreadyDeadlineMs }: DetectionSettings,
): Finding | undefined {
  const unready = pods.filter(isUnready);
  const since = unready.map(unreadySince).sort()[0];
  if (!since) return undefined;
  const names = unready.slice(0, mostNamed).map(({ metadata }) => metadata?.name);
  return {
    since,
    due: isoAfter(since, unreadyDeadlineMs),
    message: `${unready.length} of ${pods.length} pods are not ready: ${names.join(', ')}`,
  };
}

const mostNamed = 5;

/** Whether a pod is on a node, and should be ready but is not. */
export function isUnready(pod: V1Pod): boolean {
  return (
    !isReady(pod) && !isTerminating(pod) && !isFinished(pod) && pod.spec?.nodeName !== undefined
  );
}
