import { createHash } from 'node:crypto';
import type { KubernetesObject, V1ObjectMeta, V1Pod } from '@kubernetes/client-node';
import { collectionPath, kinds } from '../../model/kubernetes/kinds';
import type { PodTemplate } from '../../model/kubernetes/objects';
import { canonicalJson, normaliseTemplate } from '../../model/kubernetes/template';

/** Kinds that the detector watches. */
export const watchedKinds = [
  'Namespace',
  'Node',
  'Deployment',
  'StatefulSet',
  'DaemonSet',
  'ReplicaSet',
  'ControllerRevision',
  'Job',
  'CronJob',
  'HorizontalPodAutoscaler',
  'PersistentVolumeClaim',
  'PodDisruptionBudget',
  'Event',
  'Pod',
] as const;

export type WatchedKind = (typeof watchedKinds)[number];

/** Watched for what they tell of others; no incident is about them. */
const supporting: readonly string[] = ['Namespace', 'ReplicaSet', 'ControllerRevision', 'Event'];

/** Whether incidents are about a kind that is watched, so that its absence means that it is gone. */
export function isTargetKind(kind: string): boolean {
  return (watchedKinds as readonly string[]).includes(kind) && !supporting.includes(kind);
}

/** How a kind is asked for, and what of it is kept in memory. */
export interface Resource {
  kind: WatchedKind;
  /** API path, for one namespace or for all. */
  path: (namespace?: string) => string;
  namespaced: boolean;
  fieldSelector?: string;
  slim: (object: RawObject) => RawObject;
}

/** An object as the API server writes it: times are texts. */
export type RawObject = KubernetesObject & {
  metadata: V1ObjectMeta;
  spec?: Record<string, unknown>;
  status?: Record<string, unknown>;
  [field: string]: unknown;
};

export const resources: readonly Resource[] = [
  resource('Namespace', slimMetadata),
  resource('Node', slimNode),
  resource('Deployment', slimWorkload),
  resource('StatefulSet', slimWorkload),
  resource('DaemonSet', slimWorkload),
  resource('ReplicaSet', slimWorkload),
  resource('ControllerRevision', slimRevision),
  resource('Job', slimJob),
  resource('CronJob', slimJob),
  resource('HorizontalPodAutoscaler', slimSpecAndStatus),
  resource('PersistentVolumeClaim', slimSpecAndStatus),
  resource('PodDisruptionBudget', slimSpecAndStatus),
  resource('Event', slimEvent, { fieldSelector: 'type=Warning' }),
  resource('Pod', slimPod),
];

function resource(
  kind: WatchedKind,
  slim: Resource['slim'],
  options: { fieldSelector?: string } = {},
): Resource {
  return {
    kind,
    path: (namespace) => collectionPath(kind, namespace) ?? '',
    namespaced: kinds[kind]?.namespaced ?? true,
    fieldSelector: options.fieldSelector,
    slim: (object) => slim({ ...object, kind }),
  };
}

/** Marks and revision numbers; other annotations may be large and say nothing here. */
const keptAnnotation =
  /^(homeostat\.dev\/|deployment\.kubernetes\.io\/revision$|kubernetes\.io\/config\.mirror$)/;

function slimMetadata({ kind, metadata }: RawObject): RawObject {
  const annotations = Object.entries(metadata.annotations ?? {}).filter(([key]) =>
    keptAnnotation.test(key),
  );
  return {
    kind,
    metadata: {
      name: metadata.name,
      namespace: metadata.namespace,
      uid: metadata.uid,
      resourceVersion: metadata.resourceVersion,
      generation: metadata.generation,
      creationTimestamp: metadata.creationTimestamp,
      deletionTimestamp: metadata.deletionTimestamp,
      labels: metadata.labels,
      annotations: Object.fromEntries(annotations),
      ownerReferences: metadata.ownerReferences,
      finalizers: metadata.finalizers,
    },
  };
}

function slimWorkload(object: RawObject): RawObject {
  const { template, volumeClaimTemplates: _, ...spec } = object.spec ?? {};
  const slim = slimMetadata(object);
  slim.metadata.managedFields = object.metadata.managedFields?.map(slimWrite);
  return { ...slim, spec: { ...spec, template: digestOf(template) }, status: object.status };
}

function slimSpecAndStatus(object: RawObject): RawObject {
  return { ...slimMetadata(object), spec: object.spec, status: object.status };
}

function slimJob(object: RawObject): RawObject {
  const { template: _, jobTemplate: __, ...spec } = object.spec ?? {};
  return { ...slimMetadata(object), spec, status: object.status };
}

function slimRevision(object: RawObject): RawObject {
  const { data, revision } = object as {
    data?: { spec?: { template?: unknown } };
    revision?: number;
  };
  return {
    ...slimMetadata(object),
    revision,
    data: { spec: { template: digestOf(data?.spec?.template) } },
  };
}

type ManagedFields = NonNullable<V1ObjectMeta['managedFields']>[number];

/** Who wrote when, and only whether it was to the spec and its pod template. */
function slimWrite({ manager, time, subresource, fieldsV1 }: ManagedFields): ManagedFields {
  const spec = (fieldsV1 as Record<string, Record<string, unknown>> | undefined)?.['f:spec'];
  const template = spec?.['f:template'] ? { 'f:template': {} } : {};
  return { manager, time, subresource, fieldsV1: spec ? { 'f:spec': template } : {} };
}

/** A stand-in of some bytes for a pod template: equal exactly when the templates mean the same. */
function digestOf(template: unknown): PodTemplate | undefined {
  if (!template) return undefined;
  const meaning = canonicalJson(normaliseTemplate(template as PodTemplate));
  return { metadata: { name: createHash('sha256').update(meaning).digest('base64') } };
}

function slimNode(object: RawObject): RawObject {
  const { unschedulable, taints } = object.spec ?? {};
  const { conditions } = object.status ?? {};
  return { ...slimMetadata(object), spec: { unschedulable, taints }, status: { conditions } };
}

function slimEvent(object: RawObject): RawObject {
  const { involvedObject, reason, message } = object;
  return { ...slimMetadata(object), involvedObject, reason, message };
}

function slimPod(object: RawObject): RawObject {
  const { spec, status } = object as unknown as V1Pod;
  return {
    ...slimMetadata(object),
    spec: {
      nodeName: spec?.nodeName,
      restartPolicy: spec?.restartPolicy,
      containers: spec?.containers.map(({ name }) => ({ name })),
      initContainers: spec?.initContainers?.map(({ name, restartPolicy }) => ({
        name,
        restartPolicy,
      })),
      readinessGates: spec?.readinessGates,
    },
    status: {
      phase: status?.phase,
      reason: status?.reason,
      message: status?.message,
      startTime: status?.startTime,
      conditions: status?.conditions,
      containerStatuses: status?.containerStatuses?.map(slimContainer),
      initContainerStatuses: status?.initContainerStatuses?.map(slimContainer),
    },
  };
}

type ContainerStatus = NonNullable<NonNullable<V1Pod['status']>['containerStatuses']>[number];

/** The image only while it is waited for. */
function slimContainer(status: ContainerStatus) {
  const { name, ready, started, restartCount, state, lastState } = status;
  const image = state?.waiting && status.image;
  return { name, image, ready, started, restartCount, state, lastState };
}
