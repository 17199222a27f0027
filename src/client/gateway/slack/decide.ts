import { type WorkflowExecutionDescription, WorkflowNotFoundError } from '@temporalio/client';
import { HomeostatError, messageOf } from '../../../model/errors';
import type { ProcedureRecord } from '../../../model/procedure';
import { type Judgement, judgePress, type Press } from '../../../model/slack/press';
import { approversOf, type SlackSettings } from '../../../model/slack/settings';
import { mentions, plain } from '../../../model/slack/text';
import { answered } from '../../procedures/messages';
import { queryRecord } from '../../procedures/record';
import type { Session } from '../../procedures/session';

/** What became of a press; `refused` by the procedure itself, which had changed meanwhile. */
export interface Decision {
  result: 'approved' | 'denied' | 'refused' | 'unreachable' | Exclude<Judgement, 'allowed'>;
  /** For the person who pressed. */
  text: string;
}

/** Checks the role of the person who pressed, and passes the word on to the procedure, bound to the plan. */
export async function decide(
  session: Session,
  settings: SlackSettings,
  press: Press,
): Promise<Decision> {
  try {
    const found = await findRun(session, press);
    const record = found && (await queryRecord(session, found));
    const judgement = judgePress(press, record, settings);
    if (judgement !== 'allowed')
      return { result: judgement, text: refusal(judgement, settings, record) };
    await send(session, settings, press, found!.taskQueue);
    const result = press.action === 'approve' ? 'approved' : 'denied';
    return { result, text: `You have ${result} it.` };
  } catch (error) {
    return failure(error, press);
  }
}

/** The procedure that the button belongs to, while it runs: not a later one of the same incident. */
async function findRun(
  { temporal }: Session,
  { workflowId, firstRunId }: Press,
): Promise<WorkflowExecutionDescription | undefined> {
  try {
    const found = await temporal.client.workflow.getHandle(workflowId).describe();
    const first = found.raw.workflowExecutionInfo?.firstRunId || firstRunId;
    return found.status.name === 'RUNNING' && first === firstRunId ? found : undefined;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

async function send(
  session: Session,
  settings: SlackSettings,
  { workflowId, firstRunId, action, digest, userId }: Press,
  taskQueue: string,
): Promise<void> {
  const by = settings.users[userId]!.name;
  const word = action === 'approve' ? { comment: 'in Slack' } : { reason: 'denied in Slack' };
  const handle = session.temporal.client.workflow.getHandle(workflowId, undefined, {
    firstExecutionRunId: firstRunId,
  });
  await answered(session, handle, taskQueue, () =>
    handle.executeUpdate(action, { args: [{ by, digest, ...word }] }),
  );
}

function refusal(
  judgement: Exclude<Judgement, 'allowed'>,
  settings: SlackSettings,
  record?: ProcedureRecord,
): string {
  if (judgement === 'not-allowed') {
    const others = approversOf(settings, record!.target);
    return `You may not decide this; ${others.length > 0 ? `those may: ${mentions(others)}` : 'nobody may in Slack'}.`;
  }
  if (judgement === 'other-plan') return 'Another plan is waiting now; decide on the newest one.';
  const last = record?.approvals.at(-1);
  return last?.by
    ? `This is over already: ${last.state} by ${plain(last.by)}.`
    : 'This is over already: nothing is waiting for an approval.';
}

function failure(error: unknown, { workflowId, action }: Press): Decision {
  if (error instanceof HomeostatError && error.code === 'bad-input')
    return { result: 'refused', text: `Nothing was done: ${plain(error.message)}.` };
  return {
    result: 'unreachable',
    text: `Nothing was done: ${plain(messageOf(error))}. Try again, or use \`homeostat ${action} ${plain(workflowId)}\`.`,
  };
}
