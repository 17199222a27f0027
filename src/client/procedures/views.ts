import { formatDuration } from '../../model/duration';
import type { Override } from '../../model/governor/shares';
import type { GovernorView } from '../../model/governor/view';
import type { Observation } from '../../model/incident';
import type { Approval, Gate, LedgerEntry } from '../../model/procedure';
import { formatTarget } from '../../model/target';
import type { ListedAlert } from '../../model/unmatched';
import type { Runbook } from '../../workflows/healing/runbook';
import type { ProcedureItem } from './items';
import { ageOf, factsOf, tableOf } from './print';
import type { ProcedureDescription } from './record';

/** `cooling-down until 12:01:30Z` */
function gateText({ gate, until }: Gate): string {
  return until ? `${gate} until ${until.slice(11, 19)}Z` : gate;
}

const targetText = ({ target }: ProcedureItem) => (target ? formatTarget(target) : null);

/** Procedures as a table. */
export function proceduresTable(items: readonly ProcedureItem[], wide: boolean): string {
  if (items.length === 0) return 'No procedures.';
  const head = ['TARGET', 'SYMPTOM', 'TYPE', 'PHASE', 'OUTCOME', 'BLOCKED BY', 'AGE', 'ID'];
  const rows = items.map((item) => [
    ...[targetText(item), item.symptom, item.type, item.phase, item.outcome],
    ...[item.blockedBy && gateText(item.blockedBy), ageOf(item.startedAt), item.id],
    ...(wide ? [item.target?.cluster, item.runId, item.startedAt, item.endedAt] : []),
  ]);
  return tableOf([...head, ...(wide ? ['CLUSTER', 'RUN', 'STARTED', 'ENDED'] : [])], rows);
}

/** Alerts that nothing answered, as a table. */
export function alertsTable(items: readonly ListedAlert[]): string {
  if (items.length === 0) return 'No alerts.';
  const head = ['ALERT', 'STATUS', 'SINCE', 'TIMES', 'MESSAGE', 'WHY', 'FINGERPRINT'];
  return tableOf(
    head,
    items.map(({ name, status, startsAt, times, message, why, fingerprint }) => [
      ...[name, status, ageOf(startsAt), times, message, why, fingerprint],
    ]),
  );
}

/** A runbook as programs see it. */
export function runbookItem({ symptom, title, alerts, ladder, healed }: Runbook) {
  return { symptom, title, alerts, ladder: ladder.map(({ name }) => name), healed };
}

/** Runbooks as a table. */
export function runbooksTable(items: ReturnType<typeof runbookItem>[], wide: boolean): string {
  const head = ['SYMPTOM', 'TITLE', 'LADDER', ...(wide ? ['ALERTS', 'HEALED'] : [])];
  const rows = items.map(({ symptom, title, ladder, alerts, healed }) => [
    ...[symptom, title, ladder.join(' → ')],
    ...(wide ? [alerts.join(', '), healed] : []),
  ]);
  return tableOf(head, rows);
}

/** Everything about one procedure. */
export function descriptionText(procedure: ProcedureDescription): string {
  const { ledger, approvals, notes, evidence, milestones, blockedBy } = procedure;
  const { observations = [] } = procedure;
  const sections = [
    factsOf([
      ['Id', procedure.id],
      ['Run', procedure.runId],
      ['Target', targetText(procedure)],
      ['Cluster', procedure.target?.cluster],
      ['Symptom', procedure.symptom],
      ['Phase', procedure.phase],
      ['Outcome', procedure.outcome],
      ['Reason', procedure.reason],
      ['Blocked by', blockedBy && `${gateText(blockedBy)}: ${blockedBy.reason}`],
      ['Started', procedure.startedAt],
      ['Ended', procedure.endedAt],
      ['Temporal UI', procedure.url],
    ]),
    section('Observations', observations, observationsTable),
    section('Steps', ledger, ledgerTable),
    section('Approvals', approvals, approvalsTable),
    section('Notes', notes, (all) =>
      tableOf(
        ['AT', 'BY', 'TEXT'],
        all.map(({ at, by, text }) => [at, by, text]),
      ),
    ),
    section('Evidence', evidence, (all) =>
      tableOf(
        ['NAME', 'BYTES', 'SHA-256', 'WHERE'],
        all.map(({ name, bytes, digest, uri }) => [name, bytes, digest.slice(0, 12), uri]),
      ),
    ),
    section('Milestones', Object.entries(milestones), (all) =>
      factsOf(all.map(([name, at]) => [name.replace(/At$/, ''), at])),
    ),
  ];
  return sections.filter(Boolean).join('\n\n');
}

function section<T>(title: string, items: readonly T[], body: (items: readonly T[]) => string) {
  return items.length > 0 ? `${title}\n${body(items)}` : '';
}

/** The ledger as a table. */
export function ledgerTable(ledger: readonly LedgerEntry[]): string {
  return tableOf(
    ['STEP', 'STATE', 'ATTEMPTS', 'BEGUN', 'TOOK', 'WHAT', 'UNDO'],
    ledger.map((entry) => [
      ...[entry.name, entry.state, entry.attempts, entry.startedAt, tookText(entry)],
      ...[entry.changed ?? entry.reason, undoText(entry)],
    ]),
  );
}

function tookText({ startedAt, endedAt }: LedgerEntry): string | null {
  return endedAt ? formatDuration(Date.parse(endedAt) - Date.parse(startedAt)) : null;
}

function undoText({ undo }: LedgerEntry): string | null {
  if (!undo) return null;
  return `${undo.summary} (${undo.state}${undo.reason ? `: ${undo.reason}` : ''})`;
}

function approvalsTable(approvals: readonly Approval[]): string {
  return tableOf(
    ['STATE', 'WHAT', 'BY', 'COMMENT', 'UNTIL', 'DIGEST'],
    approvals.map((approval) => [
      ...[approval.state, approval.summary, approval.by, approval.comment],
      ...[approval.until, approval.digest],
    ]),
  );
}

function observationsTable(observations: readonly Observation[]): string {
  return tableOf(
    ['SEEN', 'OBJECT', 'STATE', 'MESSAGE', 'ALERTS'],
    observations.map(({ seenAt, object, state, message, alerts = [] }) => [
      ...[seenAt, object, state, message],
      alerts.map(({ fingerprint }) => fingerprint).join(', '),
    ]),
  );
}

/** What the governor knows: who holds what, what each budget has left, what waits and why. */
export function governorText(view: GovernorView): string {
  const { cluster, halt, bucket, limits } = view;
  const facts = factsOf([
    ['Cluster', cluster],
    ['Halted', halt ? `by ${halt.by} since ${halt.at}: ${halt.reason}` : 'no'],
    ['Starts', startsText(bucket)],
    ['Cool-down', formatDuration(limits.coolDownMs)],
    ['Attempts', `${limits.attemptsPerHour} per target and hour`],
  ]);
  const sections = [
    section('Budgets', view.budgets, (all) =>
      tableOf(
        ['SCOPE', 'AT WORK', 'AT MOST'],
        all.map(({ scope, used, budget }) => [scope, used, budget]),
      ),
    ),
    section('Unhealthy', view.shares, (all) =>
      tableOf(
        ['SCOPE', 'UNHEALTHY', 'OF', 'ALLOWED', 'SURVEYED', 'OVERRIDE'],
        all.map(({ scope, unhealthy, total, allowed, surveyedAt, override }) => [
          ...[scope, unhealthy, total, allowed, surveyedAt, override && overrideText(override)],
        ]),
      ),
    ),
    section('Overrides', view.overrides, (all) =>
      tableOf(
        ['SCOPE', 'WHO AND WHY'],
        all.map((override) => [override.scope, overrideText(override)]),
      ),
    ),
    section('Windows', view.windows, (all) =>
      tableOf(
        ['WINDOW', 'KIND', 'NOW', 'UNTIL', 'NAMESPACES'],
        all.map(({ name, kind, open, until, namespaces }) => [
          ...[name, kind, open ? 'open' : 'shut', until, namespaces.join(', ') || 'all'],
        ]),
      ),
    ),
    section('Leases', view.leases, (all) =>
      tableOf(
        ['TARGET', 'UNTIL', 'STOPPED', 'HELD BY'],
        all.map(({ target, expiresAt, stopped, workflowId }) => [
          ...[formatTarget(target), expiresAt, stopped && reasonText(stopped), workflowId],
        ]),
      ),
    ),
    section('Waiting', view.waiting, (all) =>
      tableOf(
        ['TARGET', 'SINCE', 'GATE', 'WHO'],
        all.map(({ target, since, gate, workflowId }) => [
          ...[formatTarget(target), since, gate && reasonText(gate), workflowId],
        ]),
      ),
    ),
  ];
  return [facts, ...sections].filter(Boolean).join('\n\n');
}

function startsText({ tokens, burst, startsPerMinute, nextAt }: GovernorView['bucket']): string {
  const next = nextAt ? `, the next at ${nextAt}` : '';
  return `${tokens} of ${burst} left at once, ${startsPerMinute} a minute${next}`;
}

const overrideText = ({ by, reason, until }: Override) => `${by} until ${until}: ${reason}`;

const reasonText = (gate: Gate) => `${gateText(gate)}: ${gate.reason}`;
