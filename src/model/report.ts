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
import { goodOutcomes } from './procedure';
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

/** The report of a procedure: the same contents in each format, and the whole record in JSON. */
export function renderReport(source: ReportSource, format: ReportFormat): string {
  if (format === 'json') return `${JSON.stringify(source, undefined, 2)}\n`;
  const report = contentsOf(source);
  return format === 'html' ? toHtml(report, source) : toMarkdown(report);
}

interface Table {
  title: string;
  head: string[];
  rows: string[][];
}

interface Contents {
  title: string;
  state: string;
  reason: string | null;
  facts: [string, string][];
  tables: Table[];
}

function contentsOf(source: ReportSource): Contents {
  const subject = source.target ? formatTarget(source.target) : source.id;
  return {
    title: `${source.symptom ?? source.type} on ${subject}`,
    state: source.outcome ?? source.phase ?? 'unknown',
    reason: source.reason,
    facts: factsOf(source),
    tables: [
      timelineTable(source),
      ledgerTable(source.ledger),
      approvalsTable(source.approvals),
      notesTable(source.notes),
      evidenceTable(evidenceOf(source)),
    ].filter(({ rows }) => rows.length > 0),
  };
}

function factsOf(source: ReportSource): [string, string][] {
  const { milestones, startedAt, endedAt, target } = source;
  const took = endedAt ? formatDuration(Date.parse(endedAt) - Date.parse(startedAt)) : undefined;
  const recovered = spanOf(milestones.seenAt, milestones.healthyAt);
  const facts: [string, string | null | undefined][] = [
    ['Procedure', source.id],
    ['Run', source.runId],
    ['Cluster', target?.cluster],
    ['Began', startedAt],
    ['Ended', endedAt ?? 'not yet'],
    ['Took', took],
    ['Fault seen to healthy', recovered],
    ['Temporal UI', source.url],
  ];
  return facts.filter((fact): fact is [string, string] => Boolean(fact[1]));
}

function spanOf(from?: string, to?: string): string | undefined {
  return from && to ? formatDuration(Date.parse(to) - Date.parse(from)) : undefined;
}

/** Evidence of the procedure and of its steps, each once. */
function evidenceOf({ evidence, ledger }: ReportSource): EvidenceRef[] {
  const all = [...evidence, ...ledger.flatMap((entry) => entry.evidence ?? [])];
  return all.filter((one, index) => all.findIndex(({ uri }) => uri === one.uri) === index);
}

const milestoneNames: Record<keyof Milestones, string> = {
  seenAt: 'fault seen in the API',
  actedAt: 'first change made',
  healthyAt: 'healthy again',
  verifiedAt: 'healthy for the whole soak',
};

/** Everything that happened, in the order of its time. */
function timelineTable(source: ReportSource): Table {
  const { ledger, approvals, milestones, startedAt, endedAt } = source;
  const events: [string | null | undefined, string][] = [
    [startedAt, 'procedure began'],
    ...(Object.keys(milestoneNames) as (keyof Milestones)[]).map(
      (name): [string | undefined, string] => [milestones[name], milestoneNames[name]],
    ),
    ...ledger.flatMap(stepEvents),
    ...approvals.flatMap((approval): [string | undefined, string][] => [
      [approval.requestedAt, `approval asked for: ${approval.summary}`],
      [approval.at, `${approval.state}${approval.by ? ` by ${approval.by}` : ''}`],
    ]),
    [endedAt, `procedure ended: ${source.outcome ?? 'unknown'}`],
  ];
  const origin = Date.parse(milestones.seenAt ?? startedAt);
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

function sinceText(milliseconds: number): string {
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

function evidenceTable(evidence: EvidenceRef[]): Table {
  const rows = evidence.map(({ name, bytes, digest, uri }) => [name, String(bytes), digest, uri]);
  return { title: 'Evidence', head: ['Name', 'Bytes', 'SHA-256', 'Where'], rows };
}

function toMarkdown({ title, state, reason, facts, tables }: Contents): string {
  const blocks = [
    `# ${inMarkdown(title)}: ${inMarkdown(state)}`,
    ...(reason ? [inMarkdown(reason)] : []),
    facts.map(([name, value]) => `- ${name}: ${inMarkdown(value)}`).join('\n'),
    ...tables.flatMap((table) => [`## ${table.title}`, markdownTable(table)]),
  ];
  return `${blocks.join('\n\n')}\n`;
}

function markdownTable({ head, rows }: Table): string {
  const lines = [head, head.map(() => '---'), ...rows.map((row) => row.map(inMarkdown))];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** Text from elsewhere stays text: nothing of it is taken for markup. */
function inMarkdown(text: string): string {
  return text.replaceAll(/[\\`*_[\]<>|~#]/g, '\\$&').replaceAll(/\s+/g, ' ');
}

function toHtml({ title, state, reason, facts, tables }: Contents, source: ReportSource): string {
  const tone = toneOf(source);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${inHtml(`${title}: ${state}`)}</title>
<style>${style}</style>
</head>
<body>
<main>
<header>
<p class="state ${tone}">${inHtml(state)}</p>
<h1>${inHtml(title)}</h1>
${reason ? `<p class="reason">${inHtml(reason)}</p>` : ''}
</header>
<dl>${facts.map(factHtml).join('')}</dl>
${chartHtml(source)}
${tables.map(tableHtml).join('\n')}
</main>
</body>
</html>
`;
}

function toneOf({ outcome }: ReportSource): string {
  if (!outcome) return 'open';
  return goodOutcomes.includes(outcome) ? 'good' : 'bad';
}

function factHtml([name, value]: [string, string]): string {
  const shown = /^https?:\/\//.test(value)
    ? `<a href="${inHtml(value)}">${inHtml(value)}</a>`
    : inHtml(value);
  return `<div><dt>${inHtml(name)}</dt><dd>${shown}</dd></div>`;
}

function tableHtml({ title, head, rows }: Table): string {
  const cells = (tag: string, row: string[]) =>
    row.map((cell) => `<${tag}>${inHtml(cell)}</${tag}>`).join('');
  const body = rows.map((row) => `<tr>${cells('td', row)}</tr>`).join('\n');
  return `<section><h2>${inHtml(title)}</h2><div class="scroll"><table>
<thead><tr>${cells('th', head)}</tr></thead>
<tbody>
${body}
</tbody>
</table></div></section>`;
}

/** The steps as bars over time, with the milestones as lines. */
function chartHtml(source: ReportSource): string {
  const { ledger, milestones } = source;
  const times = [source.startedAt, source.endedAt, ...Object.values(milestones)]
    .concat(ledger.flatMap(({ startedAt, endedAt }) => [startedAt, endedAt]))
    .flatMap((time) => (time ? [Date.parse(time)] : []));
  const from = Math.min(...times);
  const span = Math.max(...times) - from;
  if (ledger.length === 0 || span <= 0) return '';
  const percent = (time: number) => Number((((time - from) / span) * 100).toFixed(2));
  const bars = ledger.map((entry) => {
    const left = percent(Date.parse(entry.startedAt));
    const right = percent(entry.endedAt ? Date.parse(entry.endedAt) : from + span);
    const bar = `<i class="${entry.state}" style="left:${left}%;width:${Math.max(right - left, 0.4)}%"></i>`;
    return `<div class="row"><span>${inHtml(entry.name)}</span><div class="track">${bar}</div></div>`;
  });
  const marks = (Object.keys(milestoneNames) as (keyof Milestones)[]).flatMap((name) => {
    const at = milestones[name];
    return at
      ? [`<b style="left:${percent(Date.parse(at))}%" title="${milestoneNames[name]}"></b>`]
      : [];
  });
  return `<section class="chart" aria-label="Steps over ${inHtml(formatDuration(span))}">
${bars.join('\n')}
<div class="row"><span>milestones</span><div class="track">${marks.join('')}</div></div>
<div class="row"><span></span><div class="axis"><span>0</span><span>${inHtml(formatDuration(span))}</span></div></div>
</section>`;
}

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function inHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character]!);
}

const style = `
:root { color-scheme: light dark; --ink: #1c2330; --soft: #5d6778; --paper: #f6f7f9; --card: #fff; --line: #dfe3ea; --good: #14804a; --bad: #b3261e; --open: #8a5a00; --bar: #3b6fd4; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #98a2b3; --paper: #12151b; --card: #1a1f28; --line: #2d3440; --good: #4cc38a; --bad: #ff8a80; --open: #f0b952; --bar: #7aa5f8; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 72rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { margin: .25rem 0 .5rem; font-size: 1.7rem; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 2rem 0 .6rem; font-size: 1.05rem; }
.state { display: inline-block; margin: 0; padding: .1rem .7rem; border: 1px solid currentColor; border-radius: 1rem; font-size: .85rem; font-weight: 600; }
.good { color: var(--good); } .bad { color: var(--bad); } .open { color: var(--open); }
.reason { margin: 0; color: var(--soft); max-width: 60rem; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(16rem, 1fr)); gap: .8rem 1.5rem; margin: 1.5rem 0; padding: 1rem 1.25rem; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
dt { color: var(--soft); font-size: .8rem; } dd { margin: 0; overflow-wrap: anywhere; }
a { color: inherit; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
table { width: 100%; border-collapse: collapse; font-size: .88rem; font-variant-numeric: tabular-nums; }
th, td { padding: .5rem .8rem; text-align: left; vertical-align: top; overflow-wrap: anywhere; min-width: 5rem; }
th { color: var(--soft); font-weight: 600; white-space: nowrap; }
tbody tr { border-top: 1px solid var(--line); }
.chart { padding: 1rem 1.25rem; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
.row { display: grid; grid-template-columns: 9rem 1fr; align-items: center; gap: 1rem; min-height: 1.8rem; font-size: .85rem; }
.track { position: relative; height: .7rem; border-radius: .35rem; background: var(--paper); }
.track i { position: absolute; inset: 0 auto 0 auto; border-radius: .35rem; background: var(--bar); }
.track i.failed { background: var(--bad); } .track i.skipped { background: var(--soft); } .track i.running { background: var(--open); }
.track b { position: absolute; top: -.2rem; width: 2px; height: 1.1rem; background: var(--good); }
.axis { display: flex; justify-content: space-between; color: var(--soft); font-size: .8rem; }
@media print { body { background: none; } .scroll { overflow: visible; } }
`;
