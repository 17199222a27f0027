import type { V1Pod } from '@kubernetes/client-node';
import type { Health } from '../../healing';
import { availabilityOf } from '../availability';
import { isCrashLooping } from '../faults/containers';
import { hasExceededDeadline } from '../faults/rollout';
import {
  isDeployment,
  isFinished,
  isObserved,
  isReady,
  isTerminating,
  wantedReplicas,
} from '../objects';
import { isOfRevision } from '../revisions';
import type { TargetView } from './view';

/** Available at the generation that is wanted, and no pod of the current revision in a crash loop. */
export function availableWithoutRestarts({ workload, pods, current }: TargetView): Health {
  if (!workload) return healthOfPod(pods[0]);
  if (isObserved(workload) && wantedReplicas(workload) === 0) {
    return { state: 'healthy', why: 'it is scaled to 0' };
  }
  const crash = current && firstCrash(pods.filter((pod) => isOfRevision(pod, current)));
  if (crash) return { state: 'failing', why: crash };
  if (isDeployment(workload) && hasExceededDeadline(workload)) {
    return { state: 'overdue', why: 'its rollout exceeded the progress deadline' };
  }
  const { asFarAsItUpdates, why } = availabilityOf(workload);
  if (!current)
    return { state: 'pending', why: 'its controller has not made the new revision yet' };
  return { state: asFarAsItUpdates ? 'healthy' : 'pending', why };
}

function firstCrash(pods: V1Pod[]): string | undefined {
  for (const pod of pods) {
    const finding = isCrashLooping(pod);
    if (finding) return `pod ${pod.metadata?.name}: ${finding.message}`;
  }
  return undefined;
}

function healthOfPod(pod: V1Pod | undefined): Health {
  if (!pod) return { state: 'pending', why: 'the pod is not there' };
  const crash = firstCrash([pod]);
  if (crash) return { state: 'failing', why: crash };
  if (pod.status?.phase === 'Succeeded') return { state: 'healthy', why: 'the pod has completed' };
  if (isFinished(pod)) return { state: 'failing', why: 'the pod has failed' };
  if (isTerminating(pod)) return { state: 'pending', why: 'the pod is terminating' };
  return isReady(pod)
    ? { state: 'healthy', why: 'the pod is ready' }
    : { state: 'pending', why: 'the pod is not ready' };
}
