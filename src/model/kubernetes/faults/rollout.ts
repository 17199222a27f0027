import type { V1DaemonSet, V1Deployment, V1StatefulSet } from '@kubernetes/client-node';
import type { DetectionSettings, Finding } from '../../healing';
import {
  isDeployment,
  isObserved,
  isoAfter,
  isoOf,
  isStatefulSet,
  isTerminating,
  millisOf,
  partitionOf,
  replacesOnDelete,
  specChangedAt,
  templateChangedAt,
  type Workload,
  wantedReplicas,
} from '../objects';

/**
 * Whether the rollout of a workload does not come to its end. A Deployment's own deadline decides for
 * it; StatefulSets and DaemonSets have none in the API, so `due` is `rolloutDeadlineMs` after the last
 * change of the spec. Undefined for a workload that is not in a rollout, even if pods of it are unready.
 */
export function isRolloutStuck(
  workload: Workload,
  settings: DetectionSettings,
): Finding | undefined {
  if (isTerminating(workload) || !isObserved(workload) || wantedReplicas(workload) === 0) {
    return undefined;
  }
  if (isDeployment(workload)) return deadlineExceeded(workload);
  if (replacesOnDelete(workload)) return undefined;
  const unfinished = isStatefulSet(workload)
    ? unfinishedStatefulSet(workload)
    : unfinishedDaemonSet(workload);
  const since = specChangedAt(workload);
  if (!unfinished || !since) return undefined;
  return { since, due: isoAfter(since, settings.rolloutDeadlineMs), message: unfinished };
}

function deadlineExceeded(deployment: V1Deployment): Finding | undefined {
  if (deployment.spec?.paused) return undefined;
  const condition = exceededDeadline(deployment);
  if (!condition) return undefined;
  const message = condition.message ?? 'the rollout exceeded its progress deadline';
  const since = isoOf(condition.lastUpdateTime) ?? isoOf(condition.lastTransitionTime);
  const changed = templateChangedAt(deployment);
  if (changed && isStale(deployment)) {
    const deadlineMs = (deployment.spec?.progressDeadlineSeconds ?? 600) * 1_000;
    return { since: changed, due: isoAfter(changed, deadlineMs), message };
  }
  return since ? { since, due: since, message } : undefined;
}

/** Whether a Deployment's rollout exceeded its deadline, and not an earlier rollout of it. */
export function hasExceededDeadline(deployment: V1Deployment): boolean {
  return (
    isObserved(deployment) &&
    exceededDeadline(deployment) !== undefined &&
    !deployment.spec?.paused &&
    !isStale(deployment)
  );
}

function exceededDeadline(deployment: V1Deployment) {
  return deployment.status?.conditions?.find(
    ({ type, status, reason }) =>
      type === 'Progressing' && status === 'False' && reason === 'ProgressDeadlineExceeded',
  );
}

/** After an undo the controller leaves the condition of the failed rollout until new pods make progress. */
function isStale(deployment: V1Deployment): boolean {
  const changed = millisOf(templateChangedAt(deployment));
  const condition = millisOf(exceededDeadline(deployment)?.lastUpdateTime);
  return changed !== undefined && condition !== undefined && condition <= changed;
}

/** The controller keeps both revisions apart until every pod of the new one is ready. */
function unfinishedStatefulSet(set: V1StatefulSet): string | undefined {
  const { currentRevision, updateRevision, updatedReplicas = 0 } = set.status ?? {};
  if (currentRevision === updateRevision) return undefined;
  const partition = partitionOf(set);
  const target = Math.max(0, wantedReplicas(set) - partition);
  // With a partition the revisions stay apart for good, so unready pods prove nothing.
  if (partition > 0 && updatedReplicas >= target) return undefined;
  return `${updatedReplicas} of ${target} pods are of the new revision, ${set.status?.readyReplicas ?? 0} of ${wantedReplicas(set)} are ready`;
}

/** A node that runs no pod yet (it is new, or its pod was evicted) is no sign of a rollout; an old pod is. */
function unfinishedDaemonSet(set: V1DaemonSet): string | undefined {
  const { currentNumberScheduled = 0, updatedNumberScheduled = 0 } = set.status ?? {};
  if (updatedNumberScheduled >= currentNumberScheduled) return undefined;
  return `${updatedNumberScheduled} of ${currentNumberScheduled} pods are of the new revision, ${set.status?.numberReady ?? 0} are ready`;
}
