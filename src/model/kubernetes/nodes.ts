import type { V1Node } from '@kubernetes/client-node';

/** Labels that tell a node's pool and zone; of each list the first that a node has. */
export interface NodeLabels {
  pool: string[];
  zone: string[];
}

/** Those that the usual clouds, autoscalers and installers set. */
export const usualNodeLabels: NodeLabels = {
  pool: [
    'karpenter.sh/nodepool',
    'cloud.google.com/gke-nodepool',
    'eks.amazonaws.com/nodegroup',
    'alpha.eksctl.io/nodegroup-name',
    'kubernetes.azure.com/agentpool',
    'doks.digitalocean.com/node-pool',
    'k8s.scaleway.com/pool-name',
    'lke.linode.com/pool-id',
    'ibm-cloud.kubernetes.io/worker-pool-name',
    'kops.k8s.io/instancegroup',
  ],
  zone: ['topology.kubernetes.io/zone', 'failure-domain.beta.kubernetes.io/zone'],
};

/** Nodes without a label of a pool are one pool together, so that its limits hold for them too. */
export const unlabelledPool = 'unlabelled';

/** Conditions that say that something is wrong when they are True, by the kubelet and by node-problem-detector's defaults. */
const troubles = [
  ...['MemoryPressure', 'DiskPressure', 'PIDPressure', 'NetworkUnavailable'],
  ...['KernelDeadlock', 'ReadonlyFilesystem', 'CorruptDockerOverlay2'],
  ...['FrequentKubeletRestart', 'FrequentDockerRestart', 'FrequentContainerdRestart'],
];

/** The value of the first of these labels that an object has. */
export function labelOf(node: V1Node, labels: readonly string[]): string | undefined {
  const has = node.metadata?.labels ?? {};
  return labels.map((label) => has[label]).find(Boolean);
}

/** Whether a node takes no pods, or should not: not ready, in trouble, or cordoned. */
export function isOutOfService(node: V1Node): boolean {
  const conditions = node.status?.conditions ?? [];
  const ready = conditions.some(({ type, status }) => type === 'Ready' && status === 'True');
  const troubled = conditions.some(
    ({ type, status }) => status === 'True' && troubles.includes(type),
  );
  return !ready || troubled || node.spec?.unschedulable === true;
}
