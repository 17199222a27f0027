import fs from 'node:fs';
import { KubeConfig } from '@kubernetes/client-node';
import type { Config } from '../model/config';
import { badInput, messageOf } from '../model/errors';

/**
 * The access to the cluster: the configured kubeconfig and context; without one the service
 * account in a pod, else KUBECONFIG or ~/.kube/config.
 * @throws HomeostatError `bad-input` that names the file or the context.
 */
export function loadKubeConfig({ cluster }: Pick<Config, 'cluster'>): KubeConfig {
  const kubeConfig = new KubeConfig();
  const from = cluster.kubeconfig ?? (inPod() ? 'the service account' : 'the default kubeconfig');
  try {
    if (cluster.kubeconfig) kubeConfig.loadFromFile(cluster.kubeconfig);
    else if (inPod()) kubeConfig.loadFromCluster();
    else kubeConfig.loadFromDefault();
  } catch (error) {
    throw badInput(
      `cluster.kubeconfig ${from}`,
      `make it a readable kubeconfig (${messageOf(error)})`,
    );
  }
  if (cluster.context) selectContext(kubeConfig, cluster.context, from);
  if (!kubeConfig.getCurrentCluster()) {
    throw badInput(
      `cluster.kubeconfig ${from}`,
      'it has no current context: set cluster.context or choose one with kubectl config use-context',
    );
  }
  return kubeConfig;
}

function selectContext(kubeConfig: KubeConfig, context: string, from: string): void {
  const known = kubeConfig.getContexts().map(({ name }) => name);
  if (!known.includes(context)) {
    throw badInput(
      `cluster.context "${context}"`,
      `${from} knows ${known.join(', ') || 'no context'}`,
    );
  }
  kubeConfig.setCurrentContext(context);
}

function inPod(): boolean {
  return (
    Boolean(process.env.KUBERNETES_SERVICE_HOST) &&
    fs.existsSync('/var/run/secrets/kubernetes.io/serviceaccount/token')
  );
}
