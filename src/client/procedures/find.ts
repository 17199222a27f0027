import { type WorkflowExecutionDescription, WorkflowNotFoundError } from '@temporalio/client';
import { badInput, notFound } from '../../model/errors';
import { formatTarget } from '../../model/target';
import { listProcedures, type ProcedureItem } from './items';
import type { Session } from './session';

const searched = 1_000;

/**
 * The procedure that a person means: by its whole id, or by a part of the id or the target
 * (`shop/Deployment/web`) that fits only one; a running one goes before those that have ended.
 * @throws HomeostatError `not-found` when there is none, `bad-input` when there is more than one.
 */
export async function findProcedure(
  session: Session,
  wanted: string,
  runId?: string,
): Promise<WorkflowExecutionDescription> {
  const exact = await describeRun(session, wanted, runId);
  if (exact) return exact;
  const items = await listProcedures(session, { limit: searched });
  const id = uniqueId(wanted, items);
  const found = await describeRun(session, id, runId);
  if (!found) throw noProcedure(wanted);
  return found;
}

async function describeRun(
  { temporal }: Session,
  id: string,
  runId?: string,
): Promise<WorkflowExecutionDescription | undefined> {
  try {
    return await temporal.client.workflow.getHandle(id, runId).describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** The one id that fits. */
export function uniqueId(wanted: string, items: readonly ProcedureItem[]): string {
  const fitting = items.filter((item) => fits(wanted, item));
  const running = fitting.filter(({ endedAt }) => endedAt === null);
  const ids = [...new Set((running.length > 0 ? running : fitting).map(({ id }) => id))];
  if (ids.length > 1) {
    const some = ids.slice(0, 5).join(', ');
    throw badInput(`procedure "${wanted}"`, `${ids.length} fit, name one of ${some}`);
  }
  if (!ids[0]) throw noProcedure(wanted);
  return ids[0];
}

function fits(wanted: string, { id, target }: ProcedureItem): boolean {
  const name = target ? formatTarget(target).toLowerCase() : '';
  const asked = wanted.toLowerCase();
  return id.includes(wanted) || name === asked || name.endsWith(`/${asked}`);
}

function noProcedure(wanted: string) {
  return notFound(
    `procedure "${wanted}"`,
    'there is none; homeostat get procedures lists those there are',
  );
}
