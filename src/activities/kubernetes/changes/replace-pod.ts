import type { V1Pod, V1PodSpec } from '@kubernetes/client-node';
import { Context } from '@temporalio/activity';
import type { PlannedChange, ReplacePodChange } from '../../../model/change';
import { isMirror, isTerminating } from '../../../model/kubernetes/objects';
import { controllerOf } from '../../../model/kubernetes/owners';
import type { StepResult } from '../../../model/procedure';
import { holdsLiteralSecrets } from '../../../model/redact';
import { formatTarget, type Target } from '../../../model/target';
import type { KubernetesClient } from '../client';
import { isConflict, isNotFound, refuse } from '../errors';
import { follow } from '../follow';
import { changeDigest } from '../hash';
import { findObject, pathOfChangeable, podsPath } from '../resources';
import type { ChangeOfKind } from './kind';

/** On the new pod: the uid of the one that it replaces. */
const replacesMark = 'homeostat.dev/replaces';

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * A bare pod, made anew. Planning it fails for good for a pod that has a controller, comes from a
 * kubelet's files, or holds secrets in its manifest, since the change is kept in the procedure's history.
 */
export const replacePod: ChangeOfKind<'replace-pod'> = {
  plan: ({ client }, request) => planReplacePod(client, request),
  make: ({ client }, change) => makeReplacement(client, change),
  revert: ({ client }, change) => revertReplacement(client, change),
};

async function planReplacePod(
  client: KubernetesClient,
  { target }: { target: Target },
): Promise<PlannedChange<ReplacePodChange>> {
  if (target.kind !== 'Pod') throw refuse(`kind ${target.kind} is no pod: restart it instead`);
  const pod = await client.get<V1Pod>(pathOfChangeable(target));
  const owner = controllerOf(pod);
  const name = formatTarget(target);
  if (owner) throw refuse(`${name} belongs to ${owner.kind} ${owner.name}: heal that instead`);
  if (isMirror(pod))
    throw refuse(`${name} is a static pod: change its file on ${pod.spec?.nodeName}`);
  if (holdsLiteralSecrets(pod)) {
    throw refuse(
      `${name} holds secrets in its manifest: move them into a Secret, or replace it by hand`,
    );
  }
  const change: ReplacePodChange = {
    kind: 'replace-pod',
    target,
    uid: pod.metadata?.uid ?? '',
    manifest: JSON.stringify(manifestOf(pod)),
  };
  return {
    change,
    summary: 'delete the pod and make it anew from its own manifest; its local data is lost',
    undoSummary: 'nothing: the new pod has the same manifest',
    digest: changeDigest(change),
  };
}

/** Deletes the pod, waits until it is gone, and makes it anew. A repeated attempt goes on where the last one ended. */
async function makeReplacement(
  client: KubernetesClient,
  change: ReplacePodChange,
): Promise<StepResult> {
  const path = pathOfChangeable(change.target);
  const name = formatTarget(change.target);
  const pod = await findObject<V1Pod>(client, path);
  if (pod?.metadata?.annotations?.[replacesMark] === change.uid) {
    return { result: 'already', detail: `${name} was made anew` };
  }
  if (pod && pod.metadata?.uid !== change.uid) {
    return { result: 'superseded', detail: `${name} was replaced by somebody meanwhile` };
  }
  // Only an earlier attempt of this very change may have deleted it.
  if (!pod && Context.current().info.attempt === 1) {
    return { result: 'gone', detail: `${name} no longer exists` };
  }
  if (pod) await removeAndWait(client, path, pod, change);
  await client.create(podsPath(change.target.namespace), manifestIn(change));
  return { result: 'changed', detail: `${name} was made anew` };
}

/** There is nothing to put back, unless the pod was deleted and could not be made anew. */
async function revertReplacement(
  client: KubernetesClient,
  change: ReplacePodChange,
): Promise<StepResult> {
  const name = formatTarget(change.target);
  const pod = await findObject<V1Pod>(client, pathOfChangeable(change.target));
  if (pod) return { result: 'already', detail: `${name} is there, with its own manifest` };
  await client.create(podsPath(change.target.namespace), manifestIn(change));
  return { result: 'changed', detail: `${name} was made anew` };
}

async function removeAndWait(
  client: KubernetesClient,
  path: string,
  pod: V1Pod,
  change: ReplacePodChange,
): Promise<void> {
  if (!isTerminating(pod)) {
    await assertCreatable(client, change);
    await client.remove(path, { uid: change.uid }).catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
    });
  }
  await untilGone(client, change);
}

/** Quotas and admission are asked before the pod is deleted: afterwards it would be too late. */
async function assertCreatable(client: KubernetesClient, change: ReplacePodChange): Promise<void> {
  const path = podsPath(change.target.namespace);
  try {
    await client.create(path, manifestIn(change), { dryRun: 'All' });
  } catch (error) {
    const isThereAlready = isConflict(error) && /already exists/.test(String(error));
    if (!isThereAlready) throw error;
  }
}

async function untilGone(
  client: KubernetesClient,
  { target, uid }: ReplacePodChange,
): Promise<void> {
  const stop = new AbortController();
  const query = { fieldSelector: `metadata.name=${target.name}` };
  const cancelled = Context.current().cancellationSignal;
  const cancel = () => stop.abort();
  cancelled.addEventListener('abort', cancel);
  try {
    await follow<V1Pod>(
      client,
      podsPath(target.namespace),
      query,
      (pods) => {
        if (!pods.some((pod) => pod.metadata?.uid === uid)) stop.abort();
      },
      stop.signal,
    );
  } finally {
    cancelled.removeEventListener('abort', cancel);
  }
  cancelled.throwIfAborted();
}

function manifestIn(change: ReplacePodChange): V1Pod {
  const manifest = JSON.parse(change.manifest) as V1Pod;
  manifest.metadata ??= {};
  manifest.metadata.annotations = {
    ...manifest.metadata.annotations,
    [replacesMark]: change.uid,
  };
  return manifest;
}

/** The pod as somebody wrote it: without what the API server and the scheduler filled in. */
function manifestOf(pod: V1Pod): V1Pod {
  const { name, namespace, labels, annotations = {}, finalizers } = pod.metadata ?? {};
  const { [lastApplied]: _repeated, [replacesMark]: _earlier, ...kept } = annotations;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels, annotations: kept, finalizers },
    spec: pod.spec && specOf(pod.spec, wasPlacedByHand(pod)),
  };
}

function specOf(filledIn: V1PodSpec, placedByHand: boolean): V1PodSpec {
  const spec = structuredClone(filledIn);
  if (!placedByHand) delete spec.nodeName;
  // Computed from priorityClassName, and refused when they come with it and differ.
  delete spec.priority;
  delete spec.preemptionPolicy;
  delete spec.ephemeralContainers;
  spec.volumes = spec.volumes?.filter(isWritten);
  for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
    container.volumeMounts = container.volumeMounts?.filter(isWritten);
  }
  return spec;
}

/** The API server adds a volume with the service account's token to every pod. */
function isWritten({ name }: { name: string }): boolean {
  return !/^kube-api-access-[a-z0-9]{5}$/.test(name);
}

/** The scheduler binds a pod without becoming the manager of the field. */
function wasPlacedByHand(pod: V1Pod): boolean {
  return (pod.metadata?.managedFields ?? []).some(({ subresource, fieldsV1 }) => {
    const spec = (fieldsV1 as Record<string, object> | undefined)?.['f:spec'];
    return !subresource && spec !== undefined && 'f:nodeName' in spec;
  });
}
