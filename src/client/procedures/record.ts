import { type WorkflowExecutionDescription, WorkflowFailedError } from '@temporalio/client';
import { rootCause } from '@temporalio/common';
import { unreachable } from '../../model/errors';
import type { ProcedureRecord } from '../../model/procedure';
import { findProcedure } from './find';
import { type ProcedureItem, toItem } from './items';
import type { Session } from './session';

const answerTimeoutMs = 10_000;

/** A procedure with everything it has recorded. */
export type ProcedureDescription = ProcedureItem &
  Pick<
    ProcedureRecord,
    'ledger' | 'approvals' | 'notes' | 'evidence' | 'observations' | 'milestones'
  > & {
    /** Why it ended so. */
    reason: string | null;
  };

/**
 * Finds and describes a procedure: a finished one from its result, which needs no worker, else by its query.
 * @throws HomeostatError `bad-input` when there is none, `unreachable` when no worker answers.
 */
export async function describeProcedure(
  session: Session,
  wanted: string,
  runId?: string,
): Promise<ProcedureDescription> {
  return describeFound(session, await findProcedure(session, wanted, runId));
}

/** Describes a procedure that was found. */
export async function describeFound(
  session: Session,
  found: WorkflowExecutionDescription,
): Promise<ProcedureDescription> {
  const item = toItem(found, session);
  const { record, failure } = await recordOf(session, found);
  return {
    ...item,
    ...(record && whatRecordKnows(item, record)),
    ledger: record?.ledger ?? [],
    approvals: record?.approvals ?? [],
    notes: record?.notes ?? [],
    evidence: record?.evidence ?? [],
    observations: record?.observations ?? [],
    milestones: record?.milestones ?? {},
    reason: record?.reason ?? failure ?? null,
  };
}

/** The record is fresher than visibility, and knows when the first of several runs began. */
function whatRecordKnows(item: ProcedureItem, record: ProcedureRecord): Partial<ProcedureItem> {
  return {
    family: record.family,
    target: record.target,
    symptom: record.symptom ?? null,
    phase: item.endedAt ? 'done' : record.phase,
    outcome: record.outcome ?? item.outcome,
    blockedBy: item.endedAt ? null : (record.blockedBy ?? null),
    startedAt: record.startedAt,
    endedAt: record.endedAt ?? item.endedAt,
  };
}

type Recorded = { record?: ProcedureRecord; failure?: string };

async function recordOf(session: Session, found: WorkflowExecutionDescription): Promise<Recorded> {
  const { status, workflowId, runId } = found;
  if (status.name === 'COMPLETED') {
    const handle = session.temporal.client.workflow.getHandle(workflowId, runId);
    return { record: (await handle.result()) as ProcedureRecord };
  }
  if (status.name === 'RUNNING') return { record: await queryRecord(session, found) };
  return failedRecord(session, found);
}

/** What a run ended from outside, or failed, still tells: its record by a worker, else why it failed. */
async function failedRecord(
  session: Session,
  found: WorkflowExecutionDescription,
): Promise<Recorded> {
  const failure = await failureOf(session, found);
  const record = await queryRecord(session, found).catch(() => undefined);
  return { record, failure };
}

async function failureOf(
  { temporal }: Session,
  { workflowId, runId, status }: WorkflowExecutionDescription,
): Promise<string> {
  try {
    await temporal.client.workflow.getHandle(workflowId, runId, { followRuns: false }).result();
  } catch (error) {
    if (error instanceof WorkflowFailedError) return rootCause(error.cause) ?? error.message;
  }
  return `${status.name.toLowerCase()} in Temporal`;
}

/**
 * Asks the procedure itself.
 * @throws HomeostatError `unreachable` when no worker answers.
 */
export async function queryRecord(
  { temporal }: Session,
  {
    workflowId,
    runId,
    taskQueue,
  }: Pick<WorkflowExecutionDescription, 'workflowId' | 'runId' | 'taskQueue'>,
): Promise<ProcedureRecord> {
  const handle = temporal.client.workflow.getHandle(workflowId, runId);
  try {
    return await temporal.client.withDeadline(Date.now() + answerTimeoutMs, () =>
      handle.query<ProcedureRecord>('ledger'),
    );
  } catch (error) {
    throw noWorker(taskQueue, error);
  }
}

/** Nobody serves the task queue, or not in time. */
export function noWorker(taskQueue: string, cause?: unknown) {
  return unreachable(
    `the worker of the task queue "${taskQueue}"`,
    'start one (homeostat up, or homeostat worker)',
    cause,
  );
}
