import type { Client } from '@temporalio/client';
import type { GovernorPolicy } from '../../model/governor';
import { governorWorkflowId } from '../../model/target';

export interface GovernorDependencies {
  client: Client;
  taskQueue: string;
  policy: GovernorPolicy;
}

/** What procedures need of Temporal itself. */
export function createGovernorActivities({ client, taskQueue, policy }: GovernorDependencies) {
  return {
    /** Starts the cluster's governor unless it runs, and gives it the configured limits. */
    async ensureGovernor({ cluster }: { cluster: string }): Promise<void> {
      await client.workflow.signalWithStart('governor', {
        workflowId: governorWorkflowId(cluster),
        taskQueue,
        args: [{ cluster }],
        signal: 'configure',
        signalArgs: [policy],
        staticSummary: `Governor of the cluster ${cluster}`,
      });
    },
  };
}
