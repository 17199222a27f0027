import type { ActionsBlock, KnownBlock } from '@slack/types';
import { formatDuration } from '../duration';
import { fillUrl, temporalUiUrl } from '../links';
import {
  type Approval,
  goodOutcomes,
  type LedgerEntry,
  type Outcome,
  type ProcedureRecord,
} from '../procedure';
import { formatTarget } from '../target';
import { buttonValue } from './press';
import { approversOf, approvesInSlack, type SlackSettings } from './settings';
import { link, localTime, mentions, plain } from './text';
import { context, message, type NewsItem, section, type Thread } from './thread';

/** A procedure, and where it lives. */
export interface ProcedureSource {
  workflowId: string;
  runId: string;
  firstRunId: string;
  record: ProcedureRecord;
}

/** Where people can read on. */
export interface Links {
  /** Temporal's namespace, and the base URL of its web UI. */
  namespace: string;
  temporalUi?: string;
  /** Of a report, with `{id}` and `{runId}`. */
  report?: string;
}

/** An open procedure is looked at so often though nothing was announced: it may have been ended from outside. */
const lookEveryMs = 3_600_000;

/** After its deadline an approval must have come to an end. */
const graceMs = 10_000;

/** What people should find in the thread of a procedure. */
export function procedureThread(
  source: ProcedureSource,
  settings: SlackSettings,
  links: Links,
  now: number,
): Thread {
  const { record, workflowId, firstRunId } = source;
  const over = record.outcome !== undefined;
  return {
    key: `${workflowId}/${firstRunId}`,
    since: record.startedAt,
    root: rootMessage(source, settings, links),
    news: newsOf(source, settings, links, now),
    over,
    lookAgainAt: over ? undefined : nextLook(record, settings, now),
  };
}

function rootMessage(source: ProcedureSource, settings: SlackSettings, links: Links) {
  const { record } = source;
  const title = titleOf(record);
  const state = stateOf(record);
  const approval = waiting(record);
  return message(`${title}: ${state.text}`, [
    section(`${state.icon} *${title}*\n${state.text}`),
    seenBlock(record),
    record.blockedBy ? section(blockedText(record)) : undefined,
    ...(approval ? approvalBlocks(approval, source, settings) : []),
    stepsBlock(record.ledger),
    evidenceBlock(record),
    context(footer(source, links)),
  ]);
}

function titleOf({ symptom, type, target }: ProcedureRecord): string {
  return `${plain(symptom ?? type, 100)} on ${plain(formatTarget(target), 600)}`;
}

const outcomeIcons: Partial<Record<Outcome, string>> = {
  escalated: ':rotating_light:',
  denied: ':no_entry:',
  aborted: ':octagonal_sign:',
};

function stateOf({ outcome, phase, reason }: ProcedureRecord): { icon: string; text: string } {
  if (!outcome) {
    return phase === 'waiting-approval'
      ? { icon: ':raised_hand:', text: 'waits for an approval' }
      : { icon: ':hourglass_flowing_sand:', text: phase };
  }
  const good = goodOutcomes.includes(outcome) ? ':white_check_mark:' : ':warning:';
  return {
    icon: outcomeIcons[outcome] ?? good,
    text: reason ? `*${outcome}*: ${plain(reason, 1_000)}` : `*${outcome}*`,
  };
}

/** The latest sight of the fault. */
function seenBlock({ observations = [] }: ProcedureRecord) {
  const seen = observations.findLast(({ state }) => state === 'broken');
  return seen && section(`*Seen:* ${plain(`${seen.object}: ${seen.message}`, 800)}`);
}

function blockedText({ blockedBy }: ProcedureRecord): string {
  const { gate, reason, until } = blockedBy!;
  return `*Blocked* by ${gate}: ${plain(reason)}${until ? `, until ${localTime(until)}` : ''}`;
}

function approvalBlocks(
  approval: Approval,
  source: ProcedureSource,
  settings: SlackSettings,
): KnownBlock[] {
  const text = [
    `*Plan:* ${plain(approval.summary, 800)}`,
    `*Undo:* ${plain(approval.undo ?? 'none is known', 500)}`,
    `*May approve:* ${whoMay(source, settings)}`,
    `*Until:* ${localTime(approval.until)}; then a person has to take over`,
  ].join('\n');
  const buttons = mayAnybody(source, settings) ? [buttonsOf(approval, source)] : [];
  return [section(text), ...buttons];
}

function mayAnybody({ record }: ProcedureSource, settings: SlackSettings): boolean {
  return approvesInSlack(settings) && approversOf(settings, record.target).length > 0;
}

function whoMay(source: ProcedureSource, settings: SlackSettings): string {
  const command = `\`homeostat approve ${plain(source.workflowId, 500)}\``;
  if (!mayAnybody(source, settings)) return `nobody in Slack; ${command}`;
  return `${mentions(approversOf(settings, source.record.target))}, or by ${command}`;
}

function buttonsOf(approval: Approval, source: ProcedureSource): ActionsBlock {
  const value = buttonValue({ ...source, digest: approval.digest });
  const button = (action: 'approve' | 'deny', label: string, style: 'primary' | 'danger') => ({
    type: 'button' as const,
    action_id: action,
    text: { type: 'plain_text' as const, text: label },
    style,
    value,
  });
  return {
    type: 'actions',
    elements: [button('approve', 'Approve', 'primary'), button('deny', 'Deny', 'danger')],
  };
}

const mostSteps = 10;

/** What was done, or is being done; looking alone is not worth a line. */
function stepsBlock(ledger: readonly LedgerEntry[]) {
  const lines = ledger.filter(isAction).map(stepText).slice(-mostSteps);
  return lines.length > 0 ? section(lines.join('\n')) : undefined;
}

const isAction = ({ undo, changed, state }: LedgerEntry) =>
  undo !== undefined || changed !== undefined || state === 'failed';

const stepIcons: Record<LedgerEntry['state'], string> = {
  running: ':hourglass_flowing_sand:',
  done: ':heavy_check_mark:',
  skipped: ':fast_forward:',
  failed: ':x:',
};

function stepText({ name, state, changed, reason, undo }: LedgerEntry): string {
  const what = [changed, reason].filter((text) => text !== undefined).join('; ');
  const done = undo?.state === 'done' ? ' (put back)' : '';
  return `${stepIcons[state]} ${plain(name, 60)}: ${plain(what || state, 180)}${done}`;
}

const mostEvidence = 3;

function evidenceBlock({ evidence }: ProcedureRecord) {
  if (evidence.length === 0) return undefined;
  const names = evidence.slice(0, mostEvidence).map(({ uri }) => `\`${plain(uri, 200)}\``);
  const more = evidence.length > mostEvidence ? `, ${evidence.length - mostEvidence} more` : '';
  return context(`Evidence: ${names.join(', ')}${more}`);
}

function footer({ workflowId, runId, record }: ProcedureSource, links: Links): string {
  const { namespace, temporalUi, report } = links;
  return [
    `cluster ${plain(record.target.cluster, 100)}`,
    ...(report ? [link(fillUrl(report, workflowId, runId), 'Report')] : []),
    ...(temporalUi
      ? [link(temporalUiUrl(temporalUi, namespace, workflowId, runId), 'Temporal UI')]
      : []),
    `\`${plain(workflowId, 600)}\``,
  ].join('  ·  ');
}

function newsOf(
  source: ProcedureSource,
  settings: SlackSettings,
  links: Links,
  now: number,
): NewsItem[] {
  const { record } = source;
  return [
    ...record.approvals.flatMap((approval, index) =>
      approvalNews(approval, index, source, settings, now),
    ),
    ...record.ledger.flatMap(stepNews),
    ...endNews(source, settings, links),
  ].sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
}

function approvalNews(
  approval: Approval,
  index: number,
  source: ProcedureSource,
  settings: SlackSettings,
  now: number,
): NewsItem[] {
  const { state, summary, requestedAt, until } = approval;
  const isWaiting = state === 'waiting';
  const called = isWaiting ? mentions(approversOf(settings, source.record.target)) : '';
  const asked = `:raised_hand: An approval ${isWaiting ? 'is' : 'was'} asked for: ${plain(summary, 800)}`;
  const remindAt = reminderAt(approval, settings);
  const reminder = `:alarm_clock: Still waiting for an approval, until ${localTime(until)}: ${plain(summary, 800)}`;
  return [
    { key: `asked-${index}`, at: requestedAt, text: join(asked, called) },
    ...(isWaiting && now >= remindAt
      ? [{ key: `reminded-${index}`, at: iso(remindAt), text: join(reminder, called) }]
      : []),
    ...(isWaiting
      ? []
      : [{ key: `decided-${index}`, at: approval.at ?? until, text: decisionText(approval) }]),
  ];
}

function decisionText({ state, by, comment }: Approval): string {
  if (state === 'timed-out') return ':hourglass: the request ended without a decision';
  const icon = state === 'approved' ? ':thumbsup:' : ':no_entry:';
  const why = comment ? `: ${plain(comment)}` : '';
  return `${icon} ${state} by ${plain(by ?? 'somebody', 200)}${why}`;
}

function stepNews(entry: LedgerEntry, index: number): NewsItem[] {
  const { endedAt, undo } = entry;
  const done = endedAt && isAction(entry);
  const undone = undo?.endedAt && (undo.state === 'done' || undo.state === 'failed');
  return [
    ...(done
      ? [{ key: `step-${index}`, at: endedAt, text: stepText({ ...entry, undo: undefined }) }]
      : []),
    ...(undone ? [{ key: `undo-${index}`, at: undo.endedAt!, text: undoText(undo) }] : []),
  ];
}

function undoText({ summary, state, reason }: NonNullable<LedgerEntry['undo']>): string {
  return state === 'done'
    ? `:leftwards_arrow_with_hook: put back: ${plain(summary)}`
    : `:x: could not be put back: ${plain(summary)}: ${plain(reason ?? '')}`;
}

function endNews(source: ProcedureSource, settings: SlackSettings, links: Links): NewsItem[] {
  const { record } = source;
  if (!record.outcome || !record.endedAt) return [];
  const { icon, text } = stateOf(record);
  const called =
    record.outcome === 'escalated' ? mentions(approversOf(settings, record.target)) : '';
  const lines = [`${icon} ${text}`, timesText(record), footer(source, links)];
  return [{ key: 'ended', at: record.endedAt, text: join(lines.join('\n'), called) }];
}

function timesText({ startedAt, endedAt, milestones }: ProcedureRecord): string {
  const { seenAt, actedAt, healthyAt } = milestones;
  const spans: [string, string | undefined, string | undefined][] = [
    ['took', startedAt, endedAt],
    ['seen to first change', seenAt, actedAt],
    ['seen to healthy', seenAt, healthyAt],
  ];
  return spans
    .flatMap(([name, from, to]) =>
      from && to
        ? [`${name} ${formatDuration(Math.max(0, Date.parse(to) - Date.parse(from)))}`]
        : [],
    )
    .join(', ');
}

const waiting = ({ approvals }: ProcedureRecord) =>
  approvals.find(({ state }) => state === 'waiting');

/** When a waiting approval is reminded of: at half of its time, unless configured. */
function reminderAt({ requestedAt, until }: Approval, { remindAfterMs }: SlackSettings): number {
  const from = Date.parse(requestedAt);
  return from + (remindAfterMs ?? (Date.parse(until) - from) / 2);
}

function nextLook(record: ProcedureRecord, settings: SlackSettings, now: number): string {
  const approval = waiting(record);
  const times = approval
    ? [reminderAt(approval, settings), Date.parse(approval.until) + graceMs]
    : [];
  return iso(Math.min(...times.filter((time) => time > now), now + lookEveryMs));
}

const iso = (time: number) => new Date(time).toISOString();

const join = (text: string, called: string) => (called ? `${text}\n${called}` : text);
