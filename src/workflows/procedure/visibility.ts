import { setCurrentDetails, upsertMemo, upsertSearchAttributes } from '@temporalio/workflow';
import type { Gate, LedgerEntry, Phase, ProcedureRecord } from '../../model/procedure';
import { formatTarget, targetKey } from '../../model/target';
import { searchAttributes as keys } from '../search-attributes';

/** Makes the procedure findable: what it is, and what it is about. */
export function showIdentity(record: ProcedureRecord): void {
  upsertSearchAttributes([
    { key: keys.family, value: record.family },
    { key: keys.cluster, value: record.target.cluster },
    { key: keys.target, value: targetKey(record.target) },
    ...(record.symptom ? [{ key: keys.symptom, value: record.symptom }] : []),
    { key: keys.phase, value: record.phase },
  ]);
}

export function showPhase(phase: Phase): void {
  upsertSearchAttributes([{ key: keys.phase, value: phase }]);
}

export function showOutcome(record: ProcedureRecord): void {
  upsertSearchAttributes([
    { key: keys.phase, value: record.phase },
    ...(record.outcome ? [{ key: keys.outcome, value: record.outcome }] : []),
  ]);
}

/** Says in listings what blocks the procedure; null once nothing does. */
export function showGate(gate: Gate | undefined): void {
  upsertMemo({ blockedBy: gate ?? null });
}

/** The record as the Temporal UI shows it: a heading and a table of the steps. */
export function showDetails(record: ProcedureRecord): void {
  setCurrentDetails(detailsOf(record));
}

export function detailsOf(record: ProcedureRecord): string {
  const state = record.outcome ?? record.phase;
  const lines = [
    `### ${record.symptom ?? record.type} on ${formatTarget(record.target)}: ${state}`,
    ...(record.reason ? ['', record.reason] : []),
    ...(record.blockedBy
      ? ['', `**Blocked** by ${record.blockedBy.gate}: ${record.blockedBy.reason}`]
      : []),
    '',
    '| Step | State | Begun | Ended | What | Undo |',
    '| --- | --- | --- | --- | --- | --- |',
    ...record.ledger.map(rowOf),
  ];
  return lines.join('\n');
}

function rowOf(entry: LedgerEntry): string {
  const undo = entry.undo ? `${entry.undo.summary} (${entry.undo.state})` : '';
  const cells = [
    entry.name,
    entry.state,
    clock(entry.startedAt),
    entry.endedAt ? clock(entry.endedAt) : '',
    entry.changed ?? entry.reason ?? '',
    undo,
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
}

const clock = (time: string) => time.slice(11, 19);
