import type { V1Pod, V1PodSpec } from '@kubernetes/client-node';
import type { PlannedChange, ReplacePodChange } from '../../../model/change';
import { isMirror } from '../../../model/kubernetes/objects';
import { controllerOf } from '../../../model/kubernetes/owners';
import { holdsLiteralSecrets } from '../../../model/redact';
import { formatTarget, type Target } from '../../../model/target';
import type { KubernetesClient } from '../client';
import { refuse } from '../errors';
import { changeDigest } from '../hash';
import { pathOfChangeable } from '../resources';
import type { ChangeOfKind } from './kind';
import { remake, replacesMark, unmake } from './remake';

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * A bare pod, made anew. Planning it fails for good for a pod that has a controller, comes from a
 * kubelet's files, or holds secrets in its manifest, since the change is kept in the procedure's history.
 */
export const replacePod: ChangeOfKind<'replace-pod'> = {
  plan: ({ client }, request) => planReplacePod(client, request),
  make: ({ client }, change) => remake(client, orderFor(change)),
  revert: ({ client }, change) => unmake(client, orderFor(change)),
};

const orderFor = ({ target, uid, manifest }: ReplacePodChange) => ({
  object: target,
  uid,
  manifest,
});

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
