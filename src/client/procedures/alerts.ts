import { WorkflowNotFoundError } from '@temporalio/client';
import { unmatchedWorkflowId } from '../../model/target';
import type { ListedAlert, UnmatchedAlert, UnmatchedState } from '../../model/unmatched';
import { noWorker } from './record';
import type { Session } from './session';

const tellTimeoutMs = 5_000;
const answerTimeoutMs = 10_000;

/** Has alerts that nothing answers listed in Temporal; resolves once they are durable. */
export async function tellUnmatched(
  { config, temporal }: Session,
  alerts: UnmatchedAlert[],
): Promise<void> {
  const cluster = config.cluster.name;
  await temporal.client.withDeadline(Date.now() + tellTimeoutMs, () =>
    temporal.client.workflow.signalWithStart('unmatchedAlerts', {
      workflowId: unmatchedWorkflowId(cluster),
      taskQueue: config.temporal.taskQueue,
      args: [{ cluster }],
      signal: 'received',
      signalArgs: [{ alerts, announce: config.slack.channel !== undefined }],
      staticSummary: `alerts of ${cluster} that no runbook answers`,
    }),
  );
}

/**
 * Alerts that nothing answered, latest first.
 * @throws HomeostatError `unreachable` when no worker answers.
 */
export async function listUnmatched({ config, temporal }: Session): Promise<ListedAlert[]> {
  const handle = temporal.client.workflow.getHandle(unmatchedWorkflowId(config.cluster.name));
  try {
    const { alerts } = await temporal.client.withDeadline(Date.now() + answerTimeoutMs, () =>
      handle.query<UnmatchedState>('alerts'),
    );
    return alerts.toReversed();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return [];
    throw noWorker(config.temporal.taskQueue, error);
  }
}
