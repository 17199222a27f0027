import type { WorkflowExecutionInfo } from '@temporalio/client';
import { badInput } from '../../model/errors';
import type { Family, Gate, Outcome, Phase } from '../../model/procedure';
import type { Target } from '../../model/target';
import { searchAttributes } from '../../workflows/search-attributes';
import { nearest } from './nearest';
import { type Session, uiLink } from './session';

/** A procedure in listings; absent values are null, so that programs find every key. */
export interface ProcedureItem {
  id: string;
  runId: string;
  family: Family | null;
  type: string;
  target: Target | null;
  symptom: string | null;
  phase: Phase | null;
  outcome: Outcome | null;
  blockedBy: Gate | null;
  startedAt: string;
  endedAt: string | null;
  /** Temporal's own word for its state, in lower case. */
  status: string;
  url: string | null;
}

/** Which procedures are listed. */
export interface ProcedureFilter {
  family?: string;
  namespace?: string;
  /** Only those that have not ended. */
  running?: boolean;
  limit: number;
}

export const families: readonly Family[] = [
  'healing',
  'chaos',
  'recovery',
  'infrastructure',
  'cost',
];

/** Prefix of the ids of dry runs: they change nothing, so no listing shows them. */
export const dryRunPrefix = 'dry-run:';

/** Procedures, newest first. @throws HomeostatError `bad-input` for an unknown family. */
export async function listProcedures(
  session: Session,
  filter: ProcedureFilter,
): Promise<ProcedureItem[]> {
  const query = queryOf(filter, session.config.cluster.name);
  const items: ProcedureItem[] = [];
  for await (const info of session.temporal.client.workflow.list({ query })) {
    if (info.workflowId.startsWith(dryRunPrefix)) continue;
    items.push(toItem(info, session));
    if (items.length >= filter.limit) break;
  }
  return items.sort((a, b) => b.startedAt.localeCompare(a.startedAt));
}

/** The visibility query of a filter. */
export function queryOf(filter: ProcedureFilter, cluster: string): string {
  const { family, namespace, running } = filter;
  if (family !== undefined && !(families as string[]).includes(family)) {
    throw badInput(
      `family "${family}"`,
      `known are ${families.join(', ')}${nearest(family, families)}`,
    );
  }
  const conditions = [
    family ? `HomeostatFamily = ${quote(family)}` : 'HomeostatFamily IS NOT NULL',
    ...(namespace ? [`HomeostatTarget STARTS_WITH ${quote(`${cluster}:${namespace}:`)}`] : []),
    running ? "ExecutionStatus = 'Running'" : "ExecutionStatus != 'ContinuedAsNew'",
  ];
  return conditions.join(' AND ');
}

/** A value in a visibility query. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** What visibility knows of a run. */
export function toItem(info: Omit<WorkflowExecutionInfo, 'raw'>, session: Session): ProcedureItem {
  const attribute = <T extends string>(name: keyof typeof searchAttributes) =>
    (info.typedSearchAttributes.get(searchAttributes[name]) as T | undefined) ?? null;
  const over = info.status.name !== 'RUNNING';
  return {
    id: info.workflowId,
    runId: info.runId,
    family: attribute<Family>('family'),
    type: info.type,
    target: parseTargetKey(attribute('target')),
    symptom: attribute('symptom'),
    phase: over ? 'done' : attribute<Phase>('phase'),
    outcome: attribute<Outcome>('outcome') ?? outcomeOf(info.status.name),
    blockedBy: over ? null : ((info.memo?.blockedBy as Gate | undefined) ?? null),
    startedAt: info.startTime.toISOString(),
    endedAt: info.closeTime?.toISOString() ?? null,
    status: info.status.name.toLowerCase(),
    url: uiLink(session, info.workflowId, info.runId) ?? null,
  };
}

/** A run that ended without a word of its own was ended from outside, or failed. */
function outcomeOf(status: WorkflowExecutionInfo['status']['name']): Outcome | null {
  if (status === 'CANCELLED' || status === 'TERMINATED') return 'aborted';
  return status === 'FAILED' || status === 'TIMED_OUT' ? 'failed' : null;
}

/** The target of a `targetKey`; names may hold colons. */
export function parseTargetKey(key: string | null): Target | null {
  const [cluster, namespace, kind, ...name] = key?.split(':') ?? [];
  if (!cluster || !namespace || !kind || name.length === 0) return null;
  return { cluster, kind, ...(namespace !== '_' && { namespace }), name: name.join(':') };
}
