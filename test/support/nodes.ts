import {
  CoordinationV1Api,
  CoreV1Api,
  PatchStrategy,
  PolicyV1Api,
  setHeaderOptions,
  V1MicroTime,
  type V1Node,
} from '@kubernetes/client-node';
import { adminKubeConfig, changesByHomeostat } from './workloads';

const merge = setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch);
const leases = 'kube-node-lease';

/** A node whose kubelet is played. */
export interface PlayedNode {
  /** Its kubelet falls silent. */
  die(): Promise<void>;
  remove(): Promise<void>;
}

/** The lab's nodes, as its administrator sees them. */
export class Nodes {
  private readonly kubeConfig = adminKubeConfig();
  readonly core = this.kubeConfig.makeApiClient(CoreV1Api);
  readonly policy = this.kubeConfig.makeApiClient(PolicyV1Api);
  private readonly coordination = this.kubeConfig.makeApiClient(CoordinationV1Api);

  read(name: string): Promise<V1Node> {
    return this.core.readNode({ name });
  }

  /** How often Homeostat's worker changed the node. */
  changes(name: string): number {
    return changesByHomeostat('nodes', name);
  }

  async isCordoned(name: string): Promise<boolean> {
    return (await this.read(name)).spec?.unschedulable === true;
  }

  /** Neither cordoned, nor marked as held by a procedure. */
  async isFree(name: string): Promise<void> {
    const { metadata, spec } = await this.read(name);
    expect(spec?.unschedulable).toBeUndefined();
    expect(metadata?.annotations?.['homeostat.dev/held-by']).toBeUndefined();
    expect(spec?.taints?.map(({ key }) => key) ?? []).not.toContain(
      'node.kubernetes.io/out-of-service',
    );
  }

  /** Sets a condition as node-problem-detector or a kubelet would. */
  async setCondition(name: string, type: string, status: 'True' | 'False'): Promise<void> {
    const now = new Date();
    const condition = {
      type,
      status,
      reason: 'Trial',
      lastTransitionTime: now,
      lastHeartbeatTime: now,
    };
    await this.core.patchNodeStatus({ name, body: { status: { conditions: [condition] } } }, merge);
  }

  async uncordon(name: string): Promise<void> {
    await this.core.patchNode({ name, body: { spec: { unschedulable: null } } }, merge);
  }

  /**
   * A node whose kubelet is played by the test: it renews its lease and ends its pods, so that all
   * around it is real. Nothing is scheduled there.
   */
  async play(name: string): Promise<PlayedNode> {
    const taints = [{ key: 'homeostat.dev/trial', effect: 'NoSchedule' }];
    await this.core.createNode({ body: { metadata: { name }, spec: { taints } } });
    await this.coordination.createNamespacedLease({
      namespace: leases,
      body: { metadata: { name }, spec: { holderIdentity: name, leaseDurationSeconds: 10 } },
    });
    await this.beat(name);
    await this.setCondition(name, 'Ready', 'True');
    let beating: Promise<void> = Promise.resolve();
    const timer = setInterval(() => {
      beating = this.beat(name).catch(() => undefined);
    }, 1_000);
    const die = async () => {
      clearInterval(timer);
      await beating;
    };
    return {
      die,
      remove: async () => {
        await die();
        await this.core.deleteNode({ name });
        await this.coordination.deleteNamespacedLease({ name, namespace: leases });
      },
    };
  }

  private async beat(name: string): Promise<void> {
    const body = { spec: { renewTime: new V1MicroTime() } };
    await this.coordination.patchNamespacedLease({ name, namespace: leases, body }, merge);
    const { items } = await this.core.listPodForAllNamespaces({
      fieldSelector: `spec.nodeName=${name}`,
    });
    const ending = items.filter(({ metadata }) => metadata?.deletionTimestamp);
    await Promise.all(
      ending.map(({ metadata }) =>
        this.core.deleteNamespacedPod({
          name: metadata?.name ?? '',
          namespace: metadata?.namespace ?? '',
          gracePeriodSeconds: 0,
        }),
      ),
    );
  }
}
