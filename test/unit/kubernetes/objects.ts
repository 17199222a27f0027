import type {
  V1ControllerRevision,
  V1DaemonSet,
  V1Deployment,
  V1Pod,
  V1PodTemplateSpec,
  V1ReplicaSet,
  V1StatefulSet,
} from '@kubernetes/client-node';

/** A moment of the story that all fixtures share, in RFC 3339. */
export const at = (seconds: number) =>
  new Date(Date.parse('2026-03-01T12:00:00Z') + seconds * 1_000).toISOString();

/** Objects as the API writes them: times are text, though the client's types say Date. */
const asTyped = <T>(object: object): T => object as T;

export const template = (image: string): V1PodTemplateSpec => ({
  metadata: { labels: { app: 'web' } },
  spec: { containers: [{ name: 'main', image, resources: {} }], restartPolicy: 'Always' },
});

/** An entry of managedFields: who wrote the pod template when. */
const wroteTemplate = (time: string, manager = 'kubectl') => ({
  manager,
  operation: 'Update',
  apiVersion: 'apps/v1',
  time,
  fieldsType: 'FieldsV1',
  fieldsV1: { 'f:spec': { 'f:template': { 'f:spec': {} } } },
});

const wroteStatus = (time: string) => ({
  ...wroteTemplate(time, 'kube-controller-manager'),
  subresource: 'status',
});

export interface WorkloadOptions {
  changedAt?: string;
  generation?: number;
  observedGeneration?: number;
  image?: string;
  spec?: object;
  status?: object;
  metadata?: object;
}

function workload(options: WorkloadOptions, spec: object, status: object): object {
  const { generation = 2, observedGeneration = generation, changedAt = at(0) } = options;
  return {
    metadata: {
      name: 'web',
      namespace: 'shop',
      uid: 'workload-uid',
      generation,
      managedFields: [wroteTemplate(changedAt), wroteStatus(at(9_000))],
      ...options.metadata,
    },
    spec: {
      selector: { matchLabels: { app: 'web' } },
      template: template(options.image ?? 'web:2'),
      ...spec,
      ...options.spec,
    },
    status: { observedGeneration, ...status, ...options.status },
  };
}

export function deployment(options: WorkloadOptions = {}): V1Deployment {
  const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } };
  const counts = { replicas: 2, updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2 };
  return asTyped(workload(options, { replicas: 2, strategy, progressDeadlineSeconds: 60 }, counts));
}

export function statefulSet(options: WorkloadOptions = {}): V1StatefulSet {
  return asTyped(
    workload(
      options,
      {
        replicas: 3,
        serviceName: 'web',
        podManagementPolicy: 'OrderedReady',
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      },
      {
        replicas: 3,
        readyReplicas: 3,
        availableReplicas: 3,
        updatedReplicas: 3,
        currentRevision: 'web-b',
        updateRevision: 'web-b',
      },
    ),
  );
}

export function daemonSet(options: WorkloadOptions = {}): V1DaemonSet {
  return asTyped(
    workload(
      options,
      { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } } },
      {
        desiredNumberScheduled: 3,
        currentNumberScheduled: 3,
        updatedNumberScheduled: 3,
        numberReady: 3,
        numberAvailable: 3,
        numberMisscheduled: 0,
      },
    ),
  );
}

export const deadlineExceeded = (time: string) => ({
  conditions: [
    {
      type: 'Progressing',
      status: 'False',
      reason: 'ProgressDeadlineExceeded',
      message: 'ReplicaSet "web-b" has timed out progressing.',
      lastUpdateTime: time,
      lastTransitionTime: time,
    },
  ],
});

const owner = (kind: string, name: string, uid: string) => ({
  ownerReferences: [{ apiVersion: 'apps/v1', kind, name, uid, controller: true }],
});

export function replicaSet(
  hash: string,
  image: string,
  number: number,
  { createdAt = at(0), annotations = {} }: { createdAt?: string; annotations?: object } = {},
): V1ReplicaSet {
  const { metadata, spec } = template(image);
  return asTyped({
    metadata: {
      name: `web-${hash}`,
      namespace: 'shop',
      labels: { app: 'web', 'pod-template-hash': hash },
      annotations: { 'deployment.kubernetes.io/revision': String(number), ...annotations },
      creationTimestamp: createdAt,
      ...owner('Deployment', 'web', 'workload-uid'),
    },
    spec: {
      replicas: 2,
      template: {
        metadata: {
          ...metadata,
          creationTimestamp: null,
          labels: { app: 'web', 'pod-template-hash': hash },
        },
        spec,
      },
    },
  });
}

export function controllerRevision(
  hash: string,
  image: string,
  revision: number,
  annotations: object = {},
): V1ControllerRevision {
  const { metadata, spec } = template(image);
  return asTyped({
    metadata: {
      name: `web-${hash}`,
      namespace: 'shop',
      labels: { app: 'web', 'controller.kubernetes.io/hash': hash },
      annotations,
      creationTimestamp: at(0),
      ...owner('StatefulSet', 'web', 'workload-uid'),
    },
    data: {
      spec: {
        template: { $patch: 'replace', metadata: { ...metadata, creationTimestamp: null }, spec },
      },
    },
    revision,
  });
}

export interface PodOptions {
  name?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerKind?: string;
  deletionTimestamp?: string;
  phase?: string;
  ready?: boolean;
  statuses?: object[];
  initStatuses?: object[];
  spec?: object;
}

/** A running container; `terminated` is how it ended before. */
export const running = (restartCount = 0, terminated?: object) => ({
  name: 'main',
  restartCount,
  state: { running: { startedAt: at(0) } },
  lastState: terminated ? { terminated } : {},
});

export const ended = (finishedAt: string, exitCode = 1) => ({
  exitCode,
  reason: exitCode === 0 ? 'Completed' : 'Error',
  startedAt: finishedAt,
  finishedAt,
});

export const crashing = (terminated?: object) => ({
  name: 'main',
  restartCount: 3,
  state: { waiting: { reason: 'CrashLoopBackOff' } },
  lastState: terminated ? { terminated } : {},
});

export function pod(options: PodOptions = {}): V1Pod {
  const { name = 'web-1', ready = true, phase = 'Running', ownerKind = 'ReplicaSet' } = options;
  return asTyped({
    metadata: {
      name,
      namespace: 'shop',
      uid: `uid-of-${name}`,
      labels: { app: 'web', 'pod-template-hash': 'b', ...options.labels },
      annotations: options.annotations,
      creationTimestamp: at(0),
      deletionTimestamp: options.deletionTimestamp,
      ...(ownerKind !== 'none' && owner(ownerKind, 'web-b', 'owner-uid')),
    },
    spec: { containers: [{ name: 'main', image: 'web:2' }], ...options.spec },
    status: {
      phase,
      startTime: at(1),
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: at(5) }],
      initContainerStatuses: options.initStatuses,
      containerStatuses: options.statuses ?? [running()],
    },
  });
}
