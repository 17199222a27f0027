import type { V1DaemonSet, V1Pod } from '@kubernetes/client-node';
import {
  containerStatuses,
  isDeployment,
  isObserved,
  isReady,
  isStatefulSet,
  isTerminating,
  millisOf,
  partitionOf,
  replacesOnDelete,
  type Workload,
  wantedReplicas,
} from './objects';

/** A container that ran for so long is taken to have got over its last crash. */
const steadyAfterMs = 10 * 60_000;

export interface Availability {
  /** All replicas are updated, ready and available, and there is at least one. */
  whole: boolean;
  /** Whole but for pods that the update strategy leaves on an earlier revision. */
  asFarAsItUpdates: boolean;
  why: string;
}

/** How far a workload is available, at the generation that its controller has observed. */
export function availabilityOf(workload: Workload): Availability {
  if (!isObserved(workload)) return away('its controller has not seen the latest change yet');
  const wanted = wantedReplicas(workload);
  if (wanted === 0) return away('it is scaled to 0');
  const { total, updated, available } = countsOf(workload);
  const why = `${updated} of ${wanted} pods updated, ${available} available`;
  const up = available >= wanted;
  // A surplus of pods is the old revision's, on its way out.
  const replaced = total <= wanted;
  return {
    whole: up && updated >= wanted && replaced,
    asFarAsItUpdates: up && updated >= updatesTo(workload) && replaced,
    why,
  };
}

/** Whether fewer of its pods are available than there should be. */
export function lacksPods(workload: Workload): boolean {
  return countsOf(workload).available < wantedReplicas(workload);
}

function away(why: string): Availability {
  return { whole: false, asFarAsItUpdates: false, why };
}

function updatesTo(workload: Workload): number {
  if (replacesOnDelete(workload)) return 0;
  return Math.max(0, wantedReplicas(workload) - partitionOf(workload));
}

function countsOf(workload: Workload): { total: number; updated: number; available: number } {
  if (isDeployment(workload) || isStatefulSet(workload)) {
    const { replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = workload.status ?? {};
    return { total: replicas, updated: updatedReplicas, available: availableReplicas };
  }
  const status = (workload as V1DaemonSet).status;
  return {
    total: status?.currentNumberScheduled ?? 0,
    updated: status?.updatedNumberScheduled ?? 0,
    available: status?.numberAvailable ?? 0,
  };
}

/**
 * Whether a pod is ready, and none of its containers ended within the last ten minutes: a crashing
 * app without a readiness probe is Ready for a blink after each start.
 * @param now milliseconds since the epoch.
 */
export function isSteady(pod: V1Pod, now: number): boolean {
  if (!isReady(pod) || isTerminating(pod)) return false;
  return containerStatuses(pod).every((status) => {
    const ended = millisOf(status.lastState?.terminated?.finishedAt);
    return ended === undefined || now - ended >= steadyAfterMs;
  });
}

/** Whether a workload is wholly available with these pods of its current revision, each of them steady. */
export function hasSteadyPods(workload: Workload, pods: V1Pod[], now: number): boolean {
  const kept = pods.filter((pod) => !isTerminating(pod));
  return (
    availabilityOf(workload).whole &&
    kept.length >= wantedReplicas(workload) &&
    kept.every((pod) => isSteady(pod, now))
  );
}
