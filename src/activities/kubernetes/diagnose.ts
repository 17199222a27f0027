import type {
  KubernetesObject,
  V1Deployment,
  V1Namespace,
  V1Node,
  V1Pod,
} from '@kubernetes/client-node';
import type {
  DetectionSettings,
  Diagnosis,
  Health,
  HealthCheckName,
  PodSummary,
} from '../../model/healing';
import { isCrashLooping } from '../../model/kubernetes/faults/containers';
import { gitOpsOwnerOf } from '../../model/kubernetes/gitops';
import { healthChecks, type TargetView } from '../../model/kubernetes/health';
import { wasUncordoned } from '../../model/kubernetes/node-state';
import {
  conditionOf,
  containerStatuses,
  isFinished,
  isoOf,
  isReady,
  millisOf,
  restartsOf,
  type Workload,
} from '../../model/kubernetes/objects';
import { isIgnored, isProtected } from '../../model/kubernetes/owners';
import { currentOf, rolledOutAt, toRevisions } from '../../model/kubernetes/revisions';
import { isWorkloadKind, type Target } from '../../model/target';
import { workflowId } from './attend';
import type { KubernetesClient } from './client';
import { findNamespace, findTarget, listPods, listRevisions } from './resources';
import { withPods } from './watched';

const mostRevisions = 10;
const mostPods = 20;

/** Looks at a target: is it there, may it be touched, how is it, and what could be gone back to. */
export async function diagnose(
  { client, detection }: { client: KubernetesClient; detection: DetectionSettings },
  { target, check }: { target: Target; check: HealthCheckName },
): Promise<Diagnosis> {
  const judge: Judge = (view) => healthChecks[check](view, detection);
  const [object, namespace] = await Promise.all([
    findTarget(client, target),
    findNamespace(client, target),
  ]);
  if (!object) return absent();
  const marks = marksOf(object, namespace);
  if (isWorkloadKind(target.kind)) {
    return { ...marks, ...(await diagnoseWorkload(client, object as Workload, judge)) };
  }
  const found = diagnoseOther(await withPods(client, target.kind, object), judge);
  return { ...marks, ...found, vetoed: vetoOn(target, object, found.health) };
}

function absent(): Diagnosis {
  return {
    exists: false,
    ignored: false,
    protected: false,
    paused: false,
    health: { state: 'pending', why: 'it does not exist' },
    revisions: [],
    pods: [],
  };
}

function marksOf(object: KubernetesObject, namespace: V1Namespace | undefined) {
  return {
    exists: true,
    uid: object.metadata?.uid,
    ignored: isIgnored(object, namespace),
    protected: isProtected(object, namespace),
    managedBy: gitOpsOwnerOf(object),
    paused: Boolean((object as V1Deployment).spec?.paused),
  };
}

/** A person who uncordons the node of this procedure says: leave it. */
function vetoOn({ kind }: Target, object: KubernetesObject, health: Health): string | undefined {
  if (kind !== 'Node' || health.state === 'healthy') return undefined;
  const vetoed = wasUncordoned(object as V1Node, workflowId());
  return vetoed ? 'somebody uncordoned the node, which is left alone then' : undefined;
}

type Judge = (view: TargetView) => Health;

type Findings = Omit<
  Diagnosis,
  'exists' | 'uid' | 'ignored' | 'protected' | 'managedBy' | 'paused'
>;

async function diagnoseWorkload(
  client: KubernetesClient,
  workload: Workload,
  judge: Judge,
): Promise<Findings> {
  const [revisions, pods] = await Promise.all([
    listRevisions(client, workload),
    listPods(client, workload),
  ]);
  const current = currentOf(workload, revisions);
  return {
    health: judge({ object: workload, workload, pods, current }),
    faultSince: faultSince(pods),
    rolledOutAt: rolledOutAt(workload, revisions),
    revisions: toRevisions(workload, revisions, pods, Date.now()).slice(0, mostRevisions),
    pods: summaries(pods),
  };
}

function diagnoseOther(view: TargetView, judge: Judge): Findings {
  const { object, pods } = view;
  return {
    health: judge(view),
    faultSince: faultSince(pods),
    rolledOutAt: isoOf(object.metadata?.creationTimestamp),
    revisions: [],
    pods: summaries(pods),
  };
}

/** The first failure that the API still knows of, among the pods that fail now. */
function faultSince(pods: V1Pod[]): string | undefined {
  const times = pods.filter(isFailing).flatMap((pod) => failedAt(pod) ?? []);
  return times.length > 0 ? new Date(Math.min(...times)).toISOString() : undefined;
}

function isFailing(pod: V1Pod): boolean {
  return pod.status?.phase !== 'Succeeded' && (!isReady(pod) || isCrashLooping(pod) !== undefined);
}

/** The earlier of a container's last end and of the moment from which on the pod was not ready. */
function failedAt(pod: V1Pod): number | undefined {
  const ends = containerStatuses(pod).flatMap(
    ({ state, lastState }) =>
      millisOf((lastState?.terminated ?? failedEnd(state?.terminated))?.finishedAt) ?? [],
  );
  const unready = conditionOf(pod, 'Ready');
  if (unready?.status === 'False') ends.push(millisOf(unready.lastTransitionTime) ?? Infinity);
  return ends.length > 0 ? Math.min(...ends) : undefined;
}

/** An init container that did its work has ended too, but not failed. */
function failedEnd<T extends { exitCode: number }>(end: T | undefined): T | undefined {
  return end?.exitCode === 0 ? undefined : end;
}

function summaries(pods: V1Pod[]): PodSummary[] {
  const failingFirst = [...pods].sort((a, b) => Number(isFailing(b)) - Number(isFailing(a)));
  return failingFirst.slice(0, mostPods).map(summaryOf);
}

/** What the history may know of a pod: no names of variables, no texts. */
function summaryOf(pod: V1Pod): PodSummary {
  const statuses = containerStatuses(pod);
  const waiting = statuses.find(({ state }) => state?.waiting?.reason)?.state?.waiting;
  const ended = statuses.flatMap(
    ({ state, lastState }) => failedEnd(state?.terminated) ?? lastState?.terminated ?? [],
  )[0];
  return {
    name: pod.metadata?.name ?? '',
    node: pod.spec?.nodeName,
    phase: pod.status?.phase ?? 'Unknown',
    ready: isReady(pod) && !isFinished(pod),
    restarts: restartsOf(pod),
    reason: waiting?.reason ?? ended?.reason,
    exitCode: ended?.exitCode,
  };
}
