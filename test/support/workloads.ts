import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  AppsV1Api,
  AutoscalingV2Api,
  CoreV1Api,
  KubeConfig,
  PatchStrategy,
  setHeaderOptions,
  type V1Container,
  type V1PodSpec,
} from '@kubernetes/client-node';
import { lab } from './lab';

const mergePatch = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);

/** Access to a platform, the shared one unless told, as its administrator. */
export function adminKubeConfig(platform = lab()): KubeConfig {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(platform.cluster.kubeconfig);
  return kubeConfig;
}

export type Behaviour = 'good' | 'crash' | 'unready';

/** What the shop's image is told, to behave so. */
const failures: Record<Behaviour, string> = { good: '', crash: 'crash', unready: 'unready' };

export type Kind = 'Deployment' | 'StatefulSet' | 'DaemonSet';

/** A namespace of a test's own, with small workloads that can be broken. */
export class Workloads {
  readonly namespace = `t-${randomUUID().slice(0, 8)}`;
  readonly core: CoreV1Api;
  readonly apps: AppsV1Api;
  private readonly scaling: AutoscalingV2Api;

  constructor(private readonly platform = lab()) {
    const kubeConfig = adminKubeConfig(platform);
    this.core = kubeConfig.makeApiClient(CoreV1Api);
    this.apps = kubeConfig.makeApiClient(AppsV1Api);
    this.scaling = kubeConfig.makeApiClient(AutoscalingV2Api);
  }

  async create(): Promise<this> {
    await this.core.createNamespace({ body: { metadata: { name: this.namespace } } });
    return this;
  }

  async remove(): Promise<void> {
    await this.core.deleteNamespace({ name: this.namespace, gracePeriodSeconds: 0 });
  }

  /** Makes a workload of two replicas, and returns when it is wholly available. */
  async deploy(
    kind: Kind,
    name: string,
    {
      behaviour = 'good',
      wait = true,
      replicas = 2,
      annotations = {},
      container = {},
      node,
    }: {
      behaviour?: Behaviour;
      wait?: boolean;
      replicas?: number;
      annotations?: Record<string, string>;
      container?: Partial<V1Container>;
      /** The only node that its pods may run on. */
      node?: string;
    } = {},
  ): Promise<void> {
    const labels = { app: name };
    const common = {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { ...podSpec(behaviour, container), ...(node && onNode(node)) },
      },
    };
    const { namespace } = this;
    const metadata = { name, namespace, annotations };
    if (kind === 'Deployment') {
      const spec = { ...common, replicas, progressDeadlineSeconds: 5 };
      await this.apps.createNamespacedDeployment({ namespace, body: { metadata, spec } });
    } else if (kind === 'StatefulSet') {
      const spec = { ...common, replicas, serviceName: name };
      await this.apps.createNamespacedStatefulSet({ namespace, body: { metadata, spec } });
    } else {
      await this.apps.createNamespacedDaemonSet({ namespace, body: { metadata, spec: common } });
    }
    if (wait) await this.until(() => this.isAvailable(kind, name));
  }

  /** Rolls out another behaviour, as a release would. */
  async release(kind: Kind, name: string, behaviour: Behaviour): Promise<void> {
    await this.change(kind, name, podSpec(behaviour).containers[0]!);
  }

  /** Rolls out a change of its container. */
  async change(kind: Kind, name: string, container: Partial<V1Container>): Promise<void> {
    const containers = [{ name: 'main', ...container }];
    await this.patch(kind, name, { spec: { template: { spec: { containers } } } });
  }

  private async patch(kind: Kind, name: string, body: object): Promise<void> {
    const options = setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch);
    const request = { name, namespace: this.namespace, body };
    if (kind === 'Deployment') await this.apps.patchNamespacedDeployment(request, options);
    else if (kind === 'StatefulSet') await this.apps.patchNamespacedStatefulSet(request, options);
    else await this.apps.patchNamespacedDaemonSet(request, options);
  }

  /** Which behaviour the live template has. */
  async behaviour(kind: Kind, name: string): Promise<Behaviour | undefined> {
    const { spec } = await this.read(kind, name);
    const env = spec?.template.spec?.containers[0]?.env;
    const fail = env?.find(({ name: variable }) => variable === 'FAIL')?.value ?? '';
    return (Object.keys(failures) as Behaviour[]).find((one) => failures[one] === fail);
  }

  async isAvailable(kind: Kind, name: string): Promise<boolean> {
    const { metadata, status: any } = await this.read(kind, name);
    const status = any as Record<string, number | undefined>;
    const [wanted, there] =
      kind === 'DaemonSet'
        ? [status?.desiredNumberScheduled, status?.numberAvailable]
        : [status?.replicas, status?.availableReplicas];
    const updated = kind === 'DaemonSet' ? status?.updatedNumberScheduled : status?.updatedReplicas;
    return (
      status?.observedGeneration === metadata?.generation &&
      (wanted ?? 0) > 0 &&
      there === wanted &&
      updated === wanted
    );
  }

  /** A pod that nothing would bring back. */
  async barePod(name: string, behaviour: Behaviour): Promise<void> {
    await this.core.createNamespacedPod({
      namespace: this.namespace,
      body: { metadata: { name, labels: { app: name } }, spec: podSpec(behaviour) },
    });
  }

  /** Pods of one owner, which makes none anew, bound to a node, with volumes that they may be writing to. */
  async placed(app: string, names: string[], nodeName: string): Promise<void> {
    const { namespace } = this;
    const body = { metadata: { name: app } };
    const { metadata: owner } = await this.core.createNamespacedConfigMap({ namespace, body });
    const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: app, uid: owner?.uid ?? '' };
    for (const name of names) {
      const metadata = {
        name,
        labels: { app },
        ownerReferences: [{ ...reference, controller: true }],
      };
      const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: app } }];
      const spec = { ...podSpec('good'), nodeName, volumes };
      await this.core.createNamespacedPod({ namespace, body: { metadata, spec } });
    }
  }

  /** Cordons a node as a procedure does, or uncordons it. */
  async cordon(name: string, heldBy: string | undefined): Promise<void> {
    const annotations = { 'homeostat.dev/held-by': heldBy ?? null };
    const body = { metadata: { annotations }, spec: { unschedulable: heldBy ? true : null } };
    await this.core.patchNode({ name, body }, mergePatch);
  }

  /** An autoscaler of a Deployment, with the status that its controller writes where it wants more than its maximum. */
  async maxedAutoscaler(name: string, maxReplicas: number): Promise<void> {
    const { namespace } = this;
    const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name };
    const body = { metadata: { name }, spec: { minReplicas: 1, maxReplicas, scaleTargetRef } };
    await this.scaling.createNamespacedHorizontalPodAutoscaler({ namespace, body });
    await this.setAutoscalerStatus(name, maxReplicas, {
      status: 'True',
      reason: 'TooManyReplicas',
      message: 'the desired replica count is more than the maximum replica count',
    });
  }

  /** The status that the controller writes where the maximum is enough. */
  satisfyAutoscaler(name: string): Promise<void> {
    return this.setAutoscalerStatus(name, 1, {
      status: 'False',
      reason: 'DesiredWithinRange',
      message: 'the desired count is within the acceptable range',
    });
  }

  private async setAutoscalerStatus(
    name: string,
    desiredReplicas: number,
    limited: { status: string; reason: string; message: string },
  ): Promise<void> {
    const lastTransitionTime = new Date().toISOString();
    const conditions = [{ type: 'ScalingLimited', lastTransitionTime, ...limited }];
    const body = { status: { desiredReplicas, currentReplicas: 1, conditions } };
    const request = { name, namespace: this.namespace, body };
    await this.scaling.patchNamespacedHorizontalPodAutoscalerStatus(request, mergePatch);
  }

  async maxReplicas(name: string): Promise<number> {
    const request = { name, namespace: this.namespace };
    const { spec } = await this.scaling.readNamespacedHorizontalPodAutoscaler(request);
    return spec!.maxReplicas;
  }

  async isCrashLooping(app: string): Promise<boolean> {
    const pods = await this.pods(app);
    return pods.some(({ status }) =>
      status?.containerStatuses?.some(({ state }) => state?.waiting?.reason === 'CrashLoopBackOff'),
    );
  }

  async pods(app: string) {
    const { items } = await this.core.listNamespacedPod({
      namespace: this.namespace,
      labelSelector: `app=${app}`,
    });
    return items;
  }

  read(kind: Kind, name: string) {
    const request = { name, namespace: this.namespace };
    if (kind === 'Deployment') return this.apps.readNamespacedDeployment(request);
    if (kind === 'StatefulSet') return this.apps.readNamespacedStatefulSet(request);
    return this.apps.readNamespacedDaemonSet(request);
  }

  /** How often Homeostat's worker changed the object, by the API server's own audit log. */
  changesByHomeostat(resource: string, name: string): number {
    return changesByHomeostat(resource, name, this.namespace, this.platform);
  }

  /** Waits until `reached`, looking every 100 ms. Controllers may need a minute after an outage of the API server. */
  async until(reached: () => Promise<boolean>, timeoutMs = 120_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!(await reached())) {
      if (Date.now() > deadline)
        throw new Error(`not reached within ${timeoutMs} ms: ${String(reached)}`);
      await sleep(100);
    }
  }
}

/** How often Homeostat's worker changed an object, by the API server's own audit log. */
export function changesByHomeostat(
  resource: string,
  name: string,
  namespace?: string,
  platform = lab(),
): number {
  return readFileSync(platform.cluster.auditLog!, 'utf8')
    .split('\n')
    .filter((line) => line.includes(`"${namespace ?? name}"`))
    .map((line) => JSON.parse(line))
    .filter(
      ({ verb, objectRef, user, responseStatus, stage }) =>
        stage === 'ResponseComplete' &&
        ['patch', 'update', 'delete', 'create'].includes(verb) &&
        objectRef?.resource === resource &&
        objectRef?.name === name &&
        objectRef?.namespace === namespace &&
        user?.username === 'system:serviceaccount:homeostat:homeostat-worker' &&
        responseStatus?.code < 300,
    ).length;
}

function onNode(node: string): Partial<V1PodSpec> {
  return { nodeSelector: { 'kubernetes.io/hostname': node } };
}

function podSpec(behaviour: Behaviour, container: Partial<V1Container> = {}): V1PodSpec {
  return {
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: 'main',
        image: 'localhost/shop:1',
        imagePullPolicy: 'Never',
        env: [
          { name: 'ROLE', value: 'api' },
          { name: 'FAIL', value: failures[behaviour] },
          { name: 'FAIL_AFTER', value: '0s' },
        ],
        ports: [{ containerPort: 8080 }],
        readinessProbe: {
          httpGet: { path: '/readyz', port: 8080 },
          // Late enough that a crashing container is never ready for a blink.
          initialDelaySeconds: 1,
          periodSeconds: 1,
          failureThreshold: 1,
        },
        ...container,
      },
    ],
  };
}
