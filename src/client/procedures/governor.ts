import { WithStartWorkflowOperation, WorkflowNotFoundError } from '@temporalio/client';
import { badInput } from '../../model/errors';
import { checkOverride, type OverrideMessage } from '../../model/governor/messages';
import type { GovernorState } from '../../model/governor/state';
import { type GovernorView, viewOf } from '../../model/governor/view';
import { checkMessage } from '../../model/messages';
import { governorWorkflowId } from '../../model/target';
import { answered } from './messages';
import { noWorker } from './record';
import type { Session } from './session';

const answerTimeoutMs = 10_000;

/** The levers of the governor that people move. */
export type Lever = 'halt' | 'resume' | 'override' | 'enforce';

/**
 * Moves a lever: halts all procedures of the cluster before their next step or lets them go on,
 * overrides the limits on unhealthy shares or lets them hold again.
 * Starts the governor where it does not run yet: the lever must be there before the first procedure.
 */
export async function moveLever(
  session: Session,
  lever: Lever,
  message: { by: string } & Partial<OverrideMessage>,
): Promise<void> {
  const { config, temporal } = session;
  const { taskQueue } = config.temporal;
  const workflowId = governorWorkflowId(config.cluster.name);
  if (lever === 'override') checkOverride(message, Date.now());
  else checkMessage(lever, message);
  const startWorkflowOperation = new WithStartWorkflowOperation('governor', {
    workflowId,
    taskQueue,
    args: [{ cluster: config.cluster.name }],
    workflowIdConflictPolicy: 'USE_EXISTING',
  });
  await answered(session, { workflowId }, taskQueue, () =>
    temporal.client.workflow.executeUpdateWithStart(lever, {
      args: [message],
      startWorkflowOperation,
    }),
  );
}

/**
 * What the cluster's governor knows: leases, budgets, who waits and why, the halt.
 * @throws HomeostatError `unreachable` when no worker answers.
 */
export async function governorView({ config, temporal }: Session): Promise<GovernorView> {
  const handle = temporal.client.workflow.getHandle(governorWorkflowId(config.cluster.name));
  try {
    const state = await temporal.client.withDeadline(Date.now() + answerTimeoutMs, () =>
      handle.query<GovernorState>('state'),
    );
    return viewOf(state, Date.now());
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
