import { execFileSync } from 'node:child_process';
import { hostname } from 'node:os';
import {
  WorkflowNotFoundError,
  WorkflowUpdateFailedError,
  WorkflowUpdateRPCTimeoutOrCancelledError,
} from '@temporalio/client';
import { rootCause } from '@temporalio/common';
import { badInput, conflict, HomeostatError } from '../../model/errors';
import { checkMessage, type MessageName } from '../../model/messages';
import { findProcedure } from './find';
import { noWorker } from './record';
import type { Session } from './session';

const answerTimeoutMs = 10_000;

/** Sends a message to a procedure as an update, and answers the procedure's id once it has taken it. */
export async function sendMessage(
  session: Session,
  wanted: string,
  name: MessageName,
  payload: Record<string, string | undefined>,
): Promise<{ id: string; runId: string }> {
  checkMessage(name, payload);
  const { workflowId, runId, taskQueue, status } = await findProcedure(session, wanted);
  if (status.name !== 'RUNNING') throw alreadyOver(workflowId, status.name);
  const handle = session.temporal.client.workflow.getHandle(workflowId);
  await answered(session, handle, taskQueue, () => handle.executeUpdate(name, { args: [payload] }));
  return { id: workflowId, runId };
}

/**
 * Runs an update and waits for its answer.
 * @throws HomeostatError `conflict` with the validator's sentence, `unreachable` when no worker answers.
 */
export async function answered(
  { temporal }: Session,
  { workflowId }: { workflowId: string },
  taskQueue: string,
  update: () => Promise<unknown>,
): Promise<void> {
  try {
    await temporal.client.withDeadline(Date.now() + answerTimeoutMs, update);
  } catch (error) {
    if (error instanceof WorkflowUpdateFailedError) {
      throw new HomeostatError('conflict', rootCause(error.cause) ?? error.message, {
        cause: error,
      });
    }
    if (error instanceof WorkflowUpdateRPCTimeoutOrCancelledError) throw noWorker(taskQueue, error);
    if (error instanceof WorkflowNotFoundError) throw alreadyOver(workflowId, 'over');
    throw error;
  }
}

function alreadyOver(id: string, status: string) {
  return conflict(
    `procedure "${id}"`,
    `it has ended already (${status.toLowerCase()}), so it takes no messages`,
  );
}

/**
 * Who acts: what was given, else $USER@host, else git's e-mail.
 * @throws HomeostatError `bad-input` when nobody is named.
 */
export function whoActs(given?: string, env: NodeJS.ProcessEnv = process.env): string {
  const user = env.USER ?? env.LOGNAME;
  const by = (given ?? (user ? `${user}@${hostname()}` : gitEmail())).trim();
  if (!by) throw badInput(`--by "${given ?? ''}"`, 'name who acts, such as --by you@example.org');
  return by;
}

function gitEmail(): string {
  try {
    return execFileSync('git', ['config', 'user.email'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return '';
  }
}
