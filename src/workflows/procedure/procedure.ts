import { rootCause } from '@temporalio/common';
import {
  CancellationScope,
  ContinueAsNew,
  condition,
  isCancellation,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import {
  type Approval,
  type Declined,
  type Family,
  type Gate,
  goodOutcomes,
  isDeclined,
  type LedgerEntry,
  type Milestones,
  type Outcome,
  type Phase,
  type Planned,
  type ProcedureRecord,
  type StepResult,
  sameGate,
} from '../../model/procedure';
import type { Target } from '../../model/target';
import { Announcer } from './announcer';
import { addNote, type Controls, listen, waitingApproval } from './controls';
import { Lease, type Survey } from './lease';
import { ledgerQuery } from './messages';
import { metrics } from './sinks';
import { showDetails, showGate, showIdentity, showOutcome, showPhase } from './visibility';

/** What a family adds to the shape that all procedures have. */
export interface ProcedureOptions<C> {
  family: Family;
  target: Target;
  symptom?: string;
  approvalTimeoutMs: number;
  /** Whether the notifier is told of every change. */
  announce: boolean;
  /** Looks around the target before a lease is asked for; left out where nothing around it matters. */
  survey?: Survey;
  /** Takes one change back; called for each recorded change, last first. */
  undo: (change: C) => Promise<StepResult>;
  /** What is left to do once the outcome is known and everything was put back, such as to keep evidence. */
  atEnd?: () => Promise<void>;
  /** Continues the workflow as new with what is carried over; never returns. */
  continueAsNew: (carried: Carried<C>) => Promise<never>;
  /** What an earlier run carried over. */
  carried?: Carried<C>;
}

/** The state that survives a continue-as-new. */
export interface Carried<C> {
  record: ProcedureRecord;
  undoable: Undoable<C>[];
  pausedBy?: string;
}

interface Undoable<C> {
  /** Index of the ledger entry. */
  entry: number;
  change: C;
  /** Taken back on success too. */
  temporary?: boolean;
}

/** What became of a step that did not act. */
export type NotTaken = 'woken' | 'declined';

/** One action: worked out first, so that its undo is recorded before it acts. */
export interface Action<C> {
  name: string;
  plan: () => Promise<Planned<C> | Declined>;
  act: (change: C) => Promise<StepResult>;
  /** Why a person must agree first, whatever the plan says; absent where the plan decides. */
  needsApproval?: string;
  /** An abort may end it in its middle, since every part of it stands by itself, as an eviction does. */
  interruptible?: boolean;
}

/** How a procedure ended. */
export interface Conclusion {
  outcome: Outcome;
  reason: string;
}

/** Thrown where a person or a time-out ended the procedure before its end. */
class Refusal extends Error {
  constructor(
    readonly outcome: Outcome,
    reason: string,
  ) {
    super(reason);
  }
}

/** Starts a procedure: its record, the messages it takes, and what the UI shows. */
export function begin<C>(options: ProcedureOptions<C>): Procedure<C> {
  return new Procedure(options);
}

/** One run of the shape that all procedures share; it knows nothing of what they act on. */
export class Procedure<C> {
  readonly record: ProcedureRecord;
  private readonly undoable: Undoable<C>[];
  private readonly controls: Controls;
  private readonly lease: Lease;
  private readonly announcer: Announcer;
  private readonly scope = new CancellationScope({ cancellable: true });
  private woken = false;

  constructor(private readonly options: ProcedureOptions<C>) {
    const { family, target, symptom, carried } = options;
    this.record = carried?.record ?? {
      family,
      type: workflowInfo().workflowType,
      target,
      symptom,
      phase: 'observing',
      startedAt: now(),
      ledger: [],
      approvals: [],
      notes: [],
      evidence: [],
      milestones: {},
    };
    this.undoable = carried?.undoable ?? [];
    this.controls = listen(this.record, () => this.scope.cancel());
    this.controls.pausedBy = carried?.pausedBy;
    this.lease = new Lease(target, options.survey);
    this.announcer = new Announcer(this.record, options.announce);
    setHandler(ledgerQuery, () => this.record);
    showIdentity(this.record);
    if (!carried) metrics.procedureStarted({ family, type: this.record.type });
    this.announcer.announce();
  }

  /**
   * Runs the body and concludes with its outcome. On failure, denial or abort all recorded
   * changes are taken back, last first, even under cancellation; an undo that fails escalates.
   */
  async run(body: () => Promise<Conclusion>): Promise<ProcedureRecord> {
    const holding = this.lease.hold();
    let cancellation: unknown;
    let conclusion: Conclusion;
    try {
      conclusion = await this.scope.run(() => Promise.race([body(), failing(holding)]));
      conclusion = await CancellationScope.nonCancellable(() => this.endTemporary(conclusion));
    } catch (error) {
      if (error instanceof ContinueAsNew) throw error;
      if (isCancellation(error) && !this.controls.abort) cancellation = error;
      conclusion = await CancellationScope.nonCancellable(() => this.unwindAfter(error));
    }
    await CancellationScope.nonCancellable(async () => this.options.atEnd?.());
    await this.lease.release({
      acted: this.record.milestones.actedAt !== undefined,
      failed: !goodOutcomes.includes(conclusion.outcome),
    });
    this.conclude(conclusion);
    await this.announcer.settled();
    // Cancelled from outside: everything is put back, and Temporal shows what was asked for.
    if (cancellation) throw cancellation;
    return this.record;
  }

  /** Runs a body that changes nothing, so without a lease and without anything to take back. */
  async rehearsal(body: () => Promise<Conclusion>): Promise<ProcedureRecord> {
    this.conclude(await body());
    return this.record;
  }

  /** A look without effect, kept in the ledger. */
  observe<R extends { attempts?: number }>(name: string, look: () => Promise<R>): Promise<R> {
    return this.recorded(name, 'observing', look);
  }

  /** Verifies the effect of what was done, kept in the ledger. */
  verify<R extends { attempts?: number }>(name: string, check: () => Promise<R>): Promise<R> {
    return this.recorded(name, 'verifying', check);
  }

  /**
   * Waits until every gate is open. Answers `waited` when anything may have changed meanwhile,
   * and `woken` when `wake` was called before the gates opened.
   */
  async clearance(): Promise<'clear' | 'waited' | 'woken'> {
    this.woken = false;
    if (!this.shut()) return 'clear';
    const begun = Date.now();
    let shown: Gate | undefined;
    const changed = () => !sameGate(this.gate(), shown);
    while (this.shut() && !this.woken) {
      if (changed()) {
        const gate = this.gate();
        this.block(shown, gate);
        shown = gate;
        if (gate?.final) throw new Refusal('escalated', gate.reason);
      }
      await condition(() => this.woken || !this.shut() || changed() || this.mustContinue());
      if (this.mustContinue()) await this.continueAsNew();
    }
    if (shown) this.block(shown, undefined);
    if (this.shut()) return 'woken';
    return shown || Date.now() - begun > staleAfterMs ? 'waited' : 'clear';
  }

  /** Ends a wait early, because the world is said to have changed. */
  wake(): void {
    this.woken = true;
  }

  /** Plans an action, has it approved where needed, records its undo, and only then acts. */
  async step(action: Action<C>): Promise<StepResult | NotTaken> {
    const entry = this.open(action.name);
    try {
      const planned = await action.plan();
      if (isDeclined(planned)) return this.decline(entry, planned);
      const approval = approvalFor(action, planned);
      const agreed = !approval || (await this.approved(planned, approval));
      // The gates may have shut meanwhile: nothing acts without a lease, paused, or under a halt.
      if (!agreed || (await this.clearance()) === 'woken') {
        this.close(entry, 'skipped', 'the target is said to have recovered meanwhile');
        return 'woken';
      }
      this.recordUndo(entry, planned);
      this.enter('acting');
      const act = () => action.act(planned.change);
      // Finished even under an abort: half-known effects could not be taken back.
      const result = await (action.interruptible ? act() : CancellationScope.nonCancellable(act));
      this.settleStep(entry, planned, result);
      return result;
    } catch (error) {
      this.close(entry, 'failed', reasonOf(error));
      throw error;
    }
  }

  /** Plans an action and says what it would do, without doing it. */
  async rehearse(action: Action<C>): Promise<'declined' | undefined> {
    const entry = this.open(action.name);
    const planned = await action.plan();
    if (isDeclined(planned)) return this.decline(entry, planned);
    entry.changed = `would ${planned.summary}`;
    entry.undo = { summary: planned.undoSummary, state: 'not-needed', attempts: 0 };
    const approval = approvalFor(action, planned);
    this.close(entry, 'skipped', `dry run${approval ? `; needs approval: ${approval}` : ''}`);
    return undefined;
  }

  reach(milestone: keyof Milestones, at = now()): void {
    this.record.milestones[milestone] ??= at;
  }

  note(text: string): void {
    addNote(this.record, { by: 'homeostat', text });
  }

  /** Names of the actions that were taken or tried, or found not to apply. */
  tried(): string[] {
    return this.record.ledger
      .filter(({ undo, declined }) => undo || declined)
      .map(({ name }) => name);
  }

  /** Names of the actions that were taken. */
  taken(): string[] {
    return this.record.ledger.filter(({ undo }) => undo).map(({ name }) => name);
  }

  /** What was changed and stands, in the order of doing. */
  changed(): string[] {
    return this.record.ledger.flatMap(({ changed, undo }) =>
      changed && undo?.state === 'recorded' ? [changed] : [],
    );
  }

  private async recorded<R extends { attempts?: number }>(
    name: string,
    phase: Phase,
    work: () => Promise<R>,
  ): Promise<R> {
    this.enter(phase);
    const entry = this.open(name);
    try {
      const result = await work();
      entry.attempts = result.attempts ?? 1;
      this.close(entry, 'done');
      return result;
    } catch (error) {
      this.close(entry, 'failed', reasonOf(error));
      throw error;
    }
  }

  /** Waits for a person's word; false when the wait was ended by `wake`. */
  private async approved(planned: Planned<C>, why: string): Promise<boolean> {
    const approval = this.askFor(planned, why);
    this.enter('waiting-approval');
    const decided = () => approval.state !== 'waiting' || this.woken;
    const deadline = Date.parse(approval.until);
    await condition(() => decided() || this.mustContinue(), Math.max(deadline - Date.now(), 1));
    if (!decided() && this.mustContinue()) await this.continueAsNew();
    if (approval.state === 'approved') return true;
    if (approval.state === 'denied') {
      throw new Refusal('denied', `${approval.by} denied it: ${approval.comment}`);
    }
    approval.state = 'timed-out';
    if (this.woken) return false;
    throw new Refusal('escalated', `nobody approved it until ${approval.until}`);
  }

  /** The request for an approval; one that an earlier run asked for keeps its deadline. */
  private askFor(planned: Planned<C>, why: string): Approval {
    const earlier = waitingApproval(this.record);
    if (earlier?.digest === planned.digest) return earlier;
    if (earlier) earlier.state = 'timed-out';
    const approval: Approval = {
      state: 'waiting',
      summary: `${planned.summary} (${why})`,
      undo: planned.undoSummary,
      digest: planned.digest,
      requestedAt: now(),
      until: new Date(Date.now() + this.options.approvalTimeoutMs).toISOString(),
    };
    this.record.approvals.push(approval);
    return approval;
  }

  private decline(entry: LedgerEntry, { declined }: Declined): 'declined' {
    entry.declined = true;
    this.close(entry, 'skipped', declined);
    return 'declined';
  }

  private recordUndo(entry: LedgerEntry, { change, undoSummary, temporary }: Planned<C>): void {
    entry.undo = { summary: undoSummary, state: 'recorded', attempts: 0 };
    this.undoable.push({ entry: this.record.ledger.indexOf(entry), change, temporary });
  }

  private settleStep(entry: LedgerEntry, planned: Planned<C>, result: StepResult): void {
    entry.attempts = result.attempts ?? 1;
    if (result.evidence) entry.evidence = [...(entry.evidence ?? []), ...result.evidence];
    if (result.result === 'changed' || result.result === 'already') {
      entry.changed = planned.summary;
      this.reach('actedAt');
      this.close(entry, 'done');
      return;
    }
    entry.undo = { ...entry.undo!, state: 'not-needed', reason: 'nothing was changed' };
    this.undoable.pop();
    this.close(entry, 'skipped', result.detail);
  }

  private async unwindAfter(error: unknown): Promise<Conclusion> {
    const failures = await this.unwind(this.undoable.splice(0));
    return withFailures(this.conclusionOf(error), failures);
  }

  /** Takes back what was to hold only for the procedure's time. */
  private async endTemporary(conclusion: Conclusion): Promise<Conclusion> {
    const failures = await this.unwind(this.undoable.filter(({ temporary }) => temporary));
    return withFailures(conclusion, failures);
  }

  private conclusionOf(error: unknown): Conclusion {
    const { abort } = this.controls;
    if (abort && isCancellation(error)) {
      return { outcome: 'aborted', reason: `${abort.by} aborted it: ${abort.reason}` };
    }
    if (isCancellation(error)) return { outcome: 'aborted', reason: 'cancelled in Temporal' };
    if (error instanceof Refusal) return { outcome: error.outcome, reason: error.message };
    return { outcome: 'escalated', reason: reasonOf(error) };
  }

  /** Takes back what was changed, last first; keeps every failure and goes on with the rest. */
  private async unwind(changes: Undoable<C>[]): Promise<string[]> {
    const failures: string[] = [];
    if (changes.length > 0) this.enter('undoing');
    for (const { entry: index, change } of changes.reverse()) {
      const undo = this.record.ledger[index]!.undo!;
      undo.state = 'running';
      try {
        const result = await this.options.undo(change);
        undo.attempts = result.attempts ?? 1;
        const done = result.result === 'changed' || result.result === 'already';
        undo.state = done ? 'done' : 'not-needed';
        if (!done) undo.reason = result.detail;
      } catch (error) {
        undo.state = 'failed';
        undo.reason = reasonOf(error);
        failures.push(`${undo.summary}: ${undo.reason}`);
      }
      undo.endedAt = now();
      showDetails(this.record);
    }
    return failures;
  }

  private conclude({ outcome, reason }: Conclusion): void {
    const { record } = this;
    if (record.blockedBy) this.block(record.blockedBy, undefined);
    Object.assign(record, { outcome, reason, endedAt: now(), phase: 'done' });
    showOutcome(record);
    showDetails(record);
    this.announcer.announce();
    metrics.procedureCompleted({
      family: record.family,
      type: record.type,
      outcome,
      durationSeconds: secondsBetween(record.startedAt, record.endedAt)!,
      recoverySeconds: secondsBetween(record.milestones.seenAt, record.milestones.healthyAt),
      detectionSeconds: secondsBetween(record.milestones.seenAt, record.startedAt),
    });
  }

  private shut(): boolean {
    return this.controls.pausedBy !== undefined || !this.lease.isGood();
  }

  private gate(): Gate | undefined {
    const { pausedBy } = this.controls;
    if (pausedBy) return { gate: 'paused', reason: `paused by ${pausedBy}` };
    return this.lease.blockedBy();
  }

  private block(before: Gate | undefined, gate: Gate | undefined): void {
    this.record.blockedBy = gate;
    if (before) metrics.unblocked({ gate: before.gate });
    if (gate) {
      metrics.blocked({ gate: gate.gate });
      this.enter('blocked');
    }
    showGate(gate);
    showDetails(this.record);
    this.announcer.announce();
  }

  private mustContinue(): boolean {
    return workflowInfo().continueAsNewSuggested;
  }

  private async continueAsNew(): Promise<never> {
    for (const entry of this.record.ledger) {
      if (entry.state === 'running') this.close(entry, 'skipped', 'goes on in the next run');
    }
    return this.options.continueAsNew({
      record: this.record,
      undoable: this.undoable,
      pausedBy: this.controls.pausedBy,
    });
  }

  private enter(phase: Phase): void {
    if (this.record.phase === phase) return;
    this.record.phase = phase;
    showPhase(phase);
    showDetails(this.record);
    this.announcer.announce();
  }

  private open(name: string): LedgerEntry {
    const entry: LedgerEntry = { name, state: 'running', attempts: 1, startedAt: now() };
    this.record.ledger.push(entry);
    return entry;
  }

  private close(entry: LedgerEntry, state: LedgerEntry['state'], reason?: string): void {
    Object.assign(entry, { state, endedAt: now() });
    if (reason) entry.reason = reason;
    metrics.stepCompleted({ step: entry.name, result: state });
    showDetails(this.record);
  }
}

function approvalFor<C>(action: Action<C>, planned: Planned<C>): string | undefined {
  const reasons = [action.needsApproval, planned.needsApproval].filter(Boolean);
  return reasons.join('; ') || undefined;
}

function withFailures({ outcome, reason }: Conclusion, failures: string[]): Conclusion {
  if (failures.length === 0) return { outcome, reason };
  return {
    outcome: 'escalated',
    reason: `${reason}; and what could not be put back needs a person: ${failures.join('; ')}`,
  };
}

/** A look that is older than this is taken again before anything is done. */
const staleAfterMs = 2_000;

const now = () => new Date().toISOString();

const reasonOf = (error: unknown) => rootCause(error) ?? String(error);

function secondsBetween(from: string | undefined, to: string | undefined): number | undefined {
  if (!from || !to) return undefined;
  return Math.max(0, (Date.parse(to) - Date.parse(from)) / 1_000);
}

/** Never resolves; rejects when the background work fails. */
function failing(work: Promise<void>): Promise<never> {
  return new Promise((_, reject) => {
    work.catch(reject);
  });
}
