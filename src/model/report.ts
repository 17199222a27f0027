import { formatDuration } from './duration';
import type {
  Approval,
  EvidenceRef,
  Family,
  LedgerEntry,
  Milestones,
  Note,
  Outcome,
  Phase,
} from './procedure';
import { formatTarget, type Target } from './target';

export const reportFormats = ['md', 'html', 'json'] as const;

export type ReportFormat = (typeof reportFormats)[number];

/** What a report is made of. */
export interface ReportSource {
  id: string;
  runId: string;
  family: Family | null;
  type: string;
  target: Target | null;
  symptom: string | null;
  phase: Phase | null;
  outcome: Outcome | null;
  reason: string | null;
  startedAt: string;
  endedAt: string | null;
  url: string | null;
  ledger: LedgerEntry[];
  approvals: Approval[];
  notes: Note[];
  evidence: EvidenceRef[];
  milestones: Milestones;
}

/**
 * What became of an artifact since it was kept.
 * `intact`: its digest is the recorded one. `altered`: it is not, so that nothing of it is shown.
 * `missing`: the store has it no more. `unread`: the store could not be asked, or there was too much to show.
 */
export type Integrity = 'intact' | 'altered' | 'missing' | 'unread';

/** A piece of evidence as a report shows it. */
export interface Artifact extends EvidenceRef {
  integrity: Integrity;
  /** The snapshot it belongs to: `start`, a rung's name, `end`. */
  label: string;
  /** Its name within the snapshot. */
  path: string;
  /** What it holds, from its beginning, with secrets masked; only of an intact one. */
  text?: string;
  /** Set where the text is cut off. */
  cut?: boolean;
  /** Why it is not shown. */
  why?: string;
}

/** A procedure and its evidence, ready to be rendered. */
export type Report = ReportSource & { artifacts: Artifact[] };

export interface Table {
  title: string;
  head: string[];
  rows: string[][];
}

/** What every format tells, in its order. */
export interface Contents {
  title: string;
  state: string;
  reason: string | null;
  facts: [string, string][];
  tables: Table[];
}

export function contentsOf(report: Report): Contents {
  const subject = report.target ? formatTarget(report.target) : report.id;
  return {
    title: `${report.symptom ?? report.type} on ${subject}`,
    state: report.outcome ?? report.phase ?? 'unknown',
    reason: report.reason,
    facts: factsOf(report),
    tables: [
      timelineTable(report),
      ledgerTable(report.ledger),
      approvalsTable(report.approvals),
      notesTable(report.notes),
      evidenceTable(report.artifacts),
    ].filter(({ rows }) => rows.length > 0),
  };
}

function factsOf(source: ReportSource): [string, string][] {
  const { milestones, startedAt, endedAt, target, approvals } = source;
  const approvers = approvals.flatMap(({ state, by }) => (state === 'approved' && by ? [by] : []));
  const facts: [string, string | null | undefined][] = [
    ['Procedure', source.id],
    ['Run', source.runId],
    ['Cluster', target?.cluster],
    ['Began', startedAt],
    ['Ended', endedAt ?? 'not yet'],
    ['Took', endedAt ? spanOf(startedAt, endedAt) : undefined],
    ['Fault seen to healthy', spanOf(milestones.seenAt, milestones.healthyAt)],
    ['Approved by', [...new Set(approvers)].join(', ')],
    ['Temporal UI', source.url],
  ];
  return facts.filter((fact): fact is [string, string] => Boolean(fact[1]));
}

function spanOf(from?: string, to?: string): string | undefined {
  return from && to ? formatDuration(Date.parse(to) - Date.parse(from)) : undefined;
}

/** The references of a procedure and of its steps, each once. */
export function referencesOf({ evidence, ledger }: ReportSource): EvidenceRef[] {
  const all = [...evidence, ...ledger.flatMap((entry) => entry.evidence ?? [])];
  return [...new Map(all.map((one) => [one.uri, one])).values()];
}

export const milestoneNames: Record<keyof Milestones, string> = {
  seenAt: 'fault seen in the API',
  actedAt: 'first change made',
  healthyAt: 'healthy again',
  verifiedAt: 'healthy for the whole soak',
};

/** The milestones that were reached, with their names. */
export function reached(milestones: Milestones): { name: string; at: string }[] {
  return (Object.keys(milestoneNames) as (keyof Milestones)[]).flatMap((key) => {
    const at = milestones[key];
    return at ? [{ name: milestoneNames[key], at }] : [];
  });
}

/** When a report's clock begins: at the fault's first sight, where that is known. Milliseconds since 1970. */
export function originOf({ milestones, startedAt }: ReportSource): number {
  return Date.parse(milestones.seenAt ?? startedAt);
}

/** Everything that happened, in the order of its time. */
function timelineTable(source: ReportSource): Table {
  const { ledger, approvals, milestones, startedAt, endedAt } = source;
  const events: [string | null | undefined, string][] = [
    [startedAt, 'procedure began'],
    ...reached(milestones).map(({ name, at }): [string, string] => [at, name]),
    ...ledger.flatMap(stepEvents),
    ...approvals.flatMap((approval): [string | undefined, string][] => [
      [approval.requestedAt, `approval asked for: ${approval.summary}`],
      [approval.at, `${approval.state}${approval.by ? ` by ${approval.by}` : ''}`],
    ]),
    [endedAt, `procedure ended: ${source.outcome ?? 'unknown'}`],
  ];
  const origin = originOf(source);
  const rows = events
    .filter((event): event is [string, string] => Boolean(event[0]))
    .sort((a, b) => Date.parse(a[0]) - Date.parse(b[0]))
    .map(([at, what]) => [at, sinceText(Date.parse(at) - origin), what]);
  return { title: 'Timeline', head: ['Time', 'After', 'What'], rows };
}

function stepEvents({
  name,
  state,
  startedAt,
  endedAt,
  undo,
}: LedgerEntry): [string | undefined, string][] {
  return [
    [startedAt, `${name} began`],
    [endedAt, `${name}: ${state}`],
    [undo?.endedAt, `undo of ${name}: ${undo?.state}`],
  ];
}

/** `+4.2 s`: a moment of the report's clock. */
export function sinceText(milliseconds: number): string {
  return milliseconds < 0
    ? `-${formatDuration(-milliseconds)}`
    : `+${formatDuration(milliseconds)}`;
}

function ledgerTable(ledger: LedgerEntry[]): Table {
  const rows = ledger.map((entry) => [
    entry.name,
    entry.state,
    String(entry.attempts),
    spanOf(entry.startedAt, entry.endedAt) ?? '',
    [entry.changed, entry.reason].filter(Boolean).join('; '),
    undoText(entry),
  ]);
  return { title: 'Ledger', head: ['Step', 'State', 'Attempts', 'Took', 'What', 'Undo'], rows };
}

function undoText({ undo }: LedgerEntry): string {
  if (!undo) return '';
  return `${undo.summary} (${undo.state}${undo.reason ? `: ${undo.reason}` : ''})`;
}

function approvalsTable(approvals: Approval[]): Table {
  const rows = approvals.map((approval) => [
    approval.state,
    approval.summary,
    approval.by ?? '',
    approval.at ?? '',
    approval.comment ?? '',
    approval.digest,
  ]);
  return { title: 'Approvals', head: ['State', 'What', 'By', 'At', 'Comment', 'Digest'], rows };
}

function notesTable(notes: Note[]): Table {
  const rows = notes.map(({ at, by, text }) => [at, by, text]);
  return { title: 'Notes', head: ['Time', 'By', 'Text'], rows };
}

function evidenceTable(artifacts: Artifact[]): Table {
  const rows = artifacts.map((artifact) => [
    artifact.label,
    artifact.path,
    String(artifact.bytes),
    [artifact.integrity, artifact.why].filter(Boolean).join(': '),
    artifact.digest,
    artifact.uri,
  ]);
  const head = ['Snapshot', 'Name', 'Bytes', 'Integrity', 'SHA-256', 'Where'];
  return { title: 'Evidence', head, rows };
}
