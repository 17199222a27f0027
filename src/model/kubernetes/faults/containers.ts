import type { V1ContainerStatus, V1Pod } from '@kubernetes/client-node';
import type { DetectionSettings, Finding } from '../../healing';
import {
  conditionOf,
  containerStatuses,
  isFinished,
  isMirror,
  isoAfter,
  isoOf,
  isTerminating,
} from '../objects';
import { controllerOf } from '../owners';

/**
 * Whether a container of a pod, init containers included, waits in CrashLoopBackOff.
 * Undefined for pods that end, have ended, belong to a Job or come from a kubelet's files.
 */
export function isCrashLooping(pod: V1Pod): Finding | undefined {
  const crashing = restartable(pod).find(isInBackOff);
  if (!crashing) return undefined;
  const since = endedAt(crashing) ?? unreadySince(pod);
  return { since, due: since, message: crashMessage(crashing) };
}

/**
 * Whether a container was killed for its memory, and not for the first time: the first time its kubelet
 * starts it again at once, which may be all that it needs. Undefined for the pods that `isCrashLooping` leaves alone.
 */
export function isOutOfMemory(pod: V1Pod): Finding | undefined {
  const killed = restartable(pod).find(wasKilledForMemory);
  if (!killed) return undefined;
  const since = endedAt(killed) ?? unreadySince(pod);
  return {
    since,
    due: since,
    message: `container ${killed.name} was killed for using more memory than its limit, after ${killed.restartCount} restarts`,
  };
}

/** Whether a container ended for want of memory, and has not got over it. */
function wasKilledForMemory({ state, lastState, restartCount }: V1ContainerStatus): boolean {
  if (state?.terminated) return isOutOfMemoryEnd(state.terminated) && restartCount > 0;
  return state?.waiting !== undefined && isOutOfMemoryEnd(lastState?.terminated);
}

/** Whether the last end of a container was for want of memory. */
export function wasEndedForMemory({ state, lastState }: V1ContainerStatus): boolean {
  return isOutOfMemoryEnd(state?.terminated ?? lastState?.terminated);
}

const isOutOfMemoryEnd = (end: { reason?: string } | undefined) => end?.reason === 'OOMKilled';

/** Reasons of a container that has no image; for the last two the kubelet does not even ask a registry. */
const pullFailures = ['ErrImagePull', 'ImagePullBackOff', 'RegistryUnavailable'];
const hopelessImages = ['ErrImageNeverPull', 'InvalidImageName'];

/**
 * Whether a container waits for an image that cannot be had. A pull is tried again, and gets
 * `waitingDeadlineMs` to succeed.
 */
export function isPullFailing(pod: V1Pod, settings: DetectionSettings): Finding | undefined {
  const hopeless = waitingFor(pod, hopelessImages)[0];
  if (hopeless) return findingOf(pod, hopeless, 0);
  const failing = waitingFor(pod, pullFailures)[0];
  return failing && findingOf(pod, failing, settings.waitingDeadlineMs);
}

/** Hosts of the registries that do not give a pod its images, but for images that they say they do not have. */
export function failingRegistries(pod: V1Pod): string[] {
  const failing = waitingFor(pod, pullFailures).filter(({ why }) => !isUnknownImage(why));
  return [...new Set(failing.map(({ image }) => registryOf(image)))];
}

function isUnknownImage(message: string): boolean {
  return /code = NotFound|: not found|manifest unknown|repository does not exist/i.test(message);
}

/** The host of an image's registry, with its port where one is named. */
export function registryOf(image: string): string {
  const [first = '', ...rest] = image.split('/');
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  return isHost ? first : 'docker.io';
}

/**
 * Whether a container waits for configuration that is missing, such as a key of a ConfigMap or Secret.
 * The kubelet looks again and again, so it gets `waitingDeadlineMs` to appear.
 */
export function isMisconfigured(pod: V1Pod, settings: DetectionSettings): Finding | undefined {
  const waiting = waitingFor(pod, ['CreateContainerConfigError'])[0];
  return waiting && findingOf(pod, waiting, settings.waitingDeadlineMs);
}

interface Waiting {
  container: string;
  image: string;
  reason: string;
  why: string;
}

/** Containers of a live pod that wait for one of some reasons. */
function waitingFor(pod: V1Pod, reasons: readonly string[]): Waiting[] {
  if (!isHealable(pod)) return [];
  return containerStatuses(pod).flatMap(({ name, image, state }) => {
    const { reason = '', message = '' } = state?.waiting ?? {};
    return reasons.includes(reason) ? [{ container: name, image, reason, why: message }] : [];
  });
}

function findingOf(pod: V1Pod, { container, reason, why }: Waiting, patienceMs: number): Finding {
  const since = unreadySince(pod);
  return {
    since,
    due: isoAfter(since, patienceMs),
    message: `container ${container} waits in ${reason}: ${why}`.slice(0, longestMessage),
  };
}

/** Kubelets repeat the whole of a registry's answer. */
const longestMessage = 500;

/** Statuses of the containers of a pod whose controller keeps it running. */
function restartable(pod: V1Pod): V1ContainerStatus[] {
  // A Job has limits of its own.
  const isLeftAlone = !isHealable(pod) || controllerOf(pod)?.kind === 'Job';
  return isLeftAlone ? [] : containerStatuses(pod);
}

function isHealable(pod: V1Pod): boolean {
  return !isTerminating(pod) && !isFinished(pod) && !isMirror(pod);
}

function isInBackOff({ state }: V1ContainerStatus): boolean {
  return state?.waiting?.reason === 'CrashLoopBackOff';
}

function endedAt({ state, lastState }: V1ContainerStatus): string | undefined {
  return isoOf((state?.terminated ?? lastState?.terminated)?.finishedAt);
}

/** Since when a pod is not ready, as far as the API tells. */
export function unreadySince(pod: V1Pod): string {
  const times = [
    conditionOf(pod, 'Ready')?.lastTransitionTime,
    pod.status?.startTime,
    pod.metadata?.creationTimestamp,
  ];
  return times.map(isoOf).find((time) => time !== undefined) ?? new Date(0).toISOString();
}

function crashMessage(status: V1ContainerStatus): string {
  const end = status.lastState?.terminated;
  const how = end ? `, last ended with exit code ${end.exitCode} (${end.reason ?? 'unknown'})` : '';
  return `container ${status.name} is in CrashLoopBackOff after ${status.restartCount} restarts${how}`;
}
