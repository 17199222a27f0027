import type { Client } from '@temporalio/client';
import type { GovernorPolicy } from '../../model/governor/policy';
import type { Announcement } from '../../model/notifier';
import { governorWorkflowId, notifierWorkflowId } from '../../model/target';

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

/** What procedures need of Temporal to be told of. */
export function createNotifierActivities({
  client,
  taskQueue,
}: Pick<GovernorDependencies, 'client' | 'taskQueue'>) {
  return {
    /** Starts the cluster's notifier unless it runs, and gives it an announcement. */
    async startNotifier(first: { cluster: string; announcement: Announcement }): Promise<void> {
      const { cluster, announcement } = first;
      await client.workflow.signalWithStart('notifier', {
        workflowId: notifierWorkflowId(cluster),
        taskQueue,
        args: [{ cluster }],
        signal: 'announce',
        signalArgs: [announcement],
        staticSummary: `Notifier of the cluster ${cluster}`,
      });
    },
  };
}
