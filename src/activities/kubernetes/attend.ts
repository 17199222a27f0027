import { Context } from '@temporalio/activity';
import type { Target } from '../../model/target';
import { toFailure } from './errors';

const heartbeatMs = 1_000;

/**
 * Runs an activity's work until it ends or is cancelled, and gives errors the form that Temporal's
 * retries act on. The worker heartbeats for every activity; what the next attempt should know is told here.
 * @param doing what is done, for the error's message.
 * @param details told by a heartbeat every second.
 */
export async function attend<T>(
  doing: string,
  target: Target,
  work: () => Promise<T>,
  details?: () => unknown,
): Promise<T> {
  const context = Context.current();
  const timer = details && setInterval(() => context.heartbeat(details()), heartbeatMs);
  try {
    return await Promise.race([work(), context.cancelled]);
  } catch (error) {
    throw toFailure(error, doing, target);
  } finally {
    clearInterval(timer);
  }
}

/** The id of the procedure that asks. */
export function workflowId(): string {
  return Context.current().info.workflowExecution?.workflowId ?? '';
}

/** Adds how many attempts a result took. */
export function withAttempts<T extends object>(result: T): T & { attempts: number } {
  return { ...result, attempts: Context.current().info.attempt };
}
