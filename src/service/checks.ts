import type { KubeConfig } from '@kubernetes/client-node';
import type { Check } from './health';
import { openGet } from './kubernetes';
import type { Temporal } from './temporal';

const deadlineMs = 1_400;

/** Whether Temporal's frontend answers. */
export function temporalAnswers({ connection, address }: Temporal): Check {
  return async () => {
    try {
      await connection.withDeadline(Date.now() + deadlineMs, () =>
        connection.workflowService.getSystemInfo({}),
      );
    } catch {
      throw new Error(`Temporal at ${address} does not answer`);
    }
  };
}

/** Whether the API server is ready, its store included. */
export function kubernetesAnswers(kubeConfig: KubeConfig): Check {
  return async (signal) => {
    const response = await openGet(kubeConfig, '/readyz', signal);
    response.resume();
  };
}
