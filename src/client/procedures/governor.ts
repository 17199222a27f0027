import { WithStartWorkflowOperation, WorkflowNotFoundError } from '@temporalio/client';
import { badInput } from '../../model/errors';
import type { GovernorState } from '../../model/governor';
import { checkMessage } from '../../model/messages';
import { governorWorkflowId } from '../../model/target';
import { answered } from './messages';
import { noWorker } from './record';
import type { Session } from './session';

const answerTimeoutMs = 10_000;

/**
 * Halts all procedures of the cluster before their next step (with a reason), or lets them go on.
 * Starts the governor where it does not run yet: the lever must be there before the first procedure.
 */
export async function moveHaltLever(
  session: Session,
  message: { by: string; reason?: string },
): Promise<void> {
  const { config, temporal } = session;
  const { taskQueue } = config.temporal;
  const workflowId = governorWorkflowId(config.cluster.name);
  const name = message.reason === undefined ? 'resume' : 'halt';
  checkMessage(name, message);
  const startWorkflowOperation = new WithStartWorkflowOperation('governor', {
    workflowId,
    taskQueue,
    args: [{ cluster: config.cluster.name }],
    workflowIdConflictPolicy: 'USE_EXISTING',
  });
  await answered(session, { workflowId }, taskQueue, () =>
    temporal.client.workflow.executeUpdateWithStart(name, {
      args: [message],
      startWorkflowOperation,
    }),
  );
}

/**
 * What the cluster's governor knows: leases, who waits and why, the halt.
 * @throws HomeostatError `unreachable` when no worker answers.
 */
export async function governorState({ config, temporal }: Session): Promise<GovernorState> {
  const handle = temporal.client.workflow.getHandle(governorWorkflowId(config.cluster.name));
  try {
    return await temporal.client.withDeadline(Date.now() + answerTimeoutMs, () =>
      handle.query<GovernorState>('state'),
    );
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) {
      throw badInput(
        `governor of the cluster "${config.cluster.name}"`,
        'it never ran; a worker starts it (homeostat up, or homeostat worker)',
      );
    }
    throw noWorker(config.temporal.taskQueue, error);
  }
}
