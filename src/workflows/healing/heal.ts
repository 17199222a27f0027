import {
  ApplicationFailure,
  defineSignal,
  makeContinueAsNewFunc,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { Change } from '../../model/change';
import { messageOf } from '../../model/errors';
import type { Diagnosis, Verification } from '../../model/healing';
import {
  checkHealInput,
  defaultHealingSettings,
  type HealInput,
  type HealingSettings,
  isObservedMessage,
  type Observation,
  type ObservedMessage,
} from '../../model/incident';
import type { Outcome, ProcedureRecord } from '../../model/procedure';
import type { Target } from '../../model/target';
import { begin, type Carried, type Conclusion, type Procedure } from '../procedure/procedure';
import { awaitHealthy, diagnose, makeChange, planChange, revertChange, survey } from './activities';
import { remember } from './episodes';
import { Evidence } from './evidence';
import { approvalReason, mayRecover, nextRung } from './ladder';
import type { Runbook, Rung } from './runbook';
import { findRunbook, runbooks } from './runbooks';

/** What the detector sees while the procedure runs. */
export const observedSignal = defineSignal<[ObservedMessage]>('observed');

const mostObservations = 20;

/** What an earlier run of the same healing carried over. */
type HealCarried = Carried<Change> & { observations: Observation[] };

/**
 * Heals one incident: looks, takes the rung of the runbook that fits, and proves that it worked;
 * what did not work is put back, and a person is told.
 * @throws ApplicationFailure `bad-input` when the symptom has no runbook.
 */
export async function heal(input: HealInput, carried?: HealCarried): Promise<ProcedureRecord> {
  refuseBadInput(input);
  const runbook = runbookFor(input.incident.symptom);
  const healing = new Healing(input, runbook, carried);
  return input.dryRun ? healing.rehearse() : healing.run();
}

class Healing {
  private readonly target: Target;
  private readonly settings: HealingSettings;
  private readonly observations: Observation[];
  private readonly procedure: Procedure<Change>;
  private readonly evidence: Evidence;
  /** Whether something was done whose effect was not waited for. */
  private unverified = false;
  /** Set once waiting for the target to come right by itself was in vain. */
  private givenUpWaiting = false;

  constructor(
    private readonly input: HealInput,
    private readonly runbook: Runbook,
    carried?: HealCarried,
  ) {
    const { incident } = input;
    this.target = incident.target;
    this.settings = { ...defaultHealingSettings, ...input.settings };
    this.observations = carried?.observations ?? [...incident.observations];
    this.procedure = begin<Change>({
      family: 'healing',
      target: this.target,
      symptom: incident.symptom,
      approvalTimeoutMs: this.settings.approvalTimeoutMs,
      announce: this.settings.announce && !input.dryRun,
      survey,
      undo: revertChange,
      carried,
      atEnd: () => this.keepEnd(),
      continueAsNew: (state) =>
        // The memo as it is now: by itself the server would carry over the one of the start.
        makeContinueAsNewFunc<typeof heal>({ memo: workflowInfo().memo })(this.input, {
          ...state,
          observations: this.observations,
        }),
    });
    this.evidence = new Evidence(this.procedure.record, (text) => this.procedure.note(text));
    this.procedure.record.observations = this.observations;
    setHandler(observedSignal, (message) => this.take(message));
    for (const observation of incident.observations) this.markSeen(observation);
  }

  run(): Promise<ProcedureRecord> {
    return this.procedure.run(() => this.climb());
  }

  /** Says what would be done now, and does nothing. */
  rehearse(): Promise<ProcedureRecord> {
    return this.procedure.rehearsal(async () => {
      const diagnosis = await this.look();
      for (;;) {
        const rung = this.choose(diagnosis);
        if (!rung) return completed(`nothing would be done: ${diagnosis.health.why}`);
        const result = await this.procedure.rehearse(this.actionFor(rung, diagnosis));
        if (result !== 'declined') return completed(`would take the rung ${rung.name}`);
      }
    });
  }

  private async climb(): Promise<Conclusion> {
    this.evidence.keep('start');
    for (;;) {
      const diagnosis = await this.lookWhenClear();
      const end = this.endWithoutActing(diagnosis);
      if (end) return end;
      if (!this.givenUpWaiting && this.mayRecover(diagnosis)) {
        const recovered = await this.verified();
        if (recovered) return recovered;
        this.givenUpWaiting = true;
        continue;
      }
      const rung = this.choose(diagnosis);
      if (!rung && this.unverified) {
        this.unverified = false;
        const healthy = await this.verified();
        if (healthy) return healthy;
        continue;
      }
      if (!rung) throw this.atWitsEnd(diagnosis);
      const result = await this.procedure.step(this.actionFor(rung, diagnosis));
      if (result === 'woken' || result === 'declined') continue;
      if (result.result === 'superseded') this.procedure.note(result.detail);
      const entry = this.procedure.record.ledger.findLast(({ name }) => name === rung.name);
      this.evidence.keep(rung.name, entry);
      this.unverified = rung.prepares === true;
      if (this.unverified) continue;
      const healthy = await this.verified();
      if (healthy) return healthy;
      this.evidence.keep(`${rung.name}-unhealthy`, entry);
    }
  }

  /** Looks, and waits for the gates meanwhile; looks again when the wait was long. */
  private async lookWhenClear(): Promise<Diagnosis> {
    const [clearance, diagnosis] = await Promise.all([this.procedure.clearance(), this.look()]);
    return clearance === 'clear' ? diagnosis : this.look();
  }

  private mayRecover(diagnosis: Diagnosis): boolean {
    return !this.runbook.intermittent && mayRecover(diagnosis, this.observations);
  }

  private look(): Promise<Diagnosis> {
    return this.procedure.observe('observe', () =>
      diagnose({ target: this.target, check: this.runbook.healed }),
    );
  }

  private choose(diagnosis: Diagnosis): Rung | undefined {
    const tried = this.procedure.tried();
    return nextRung(this.runbook, diagnosis, this.target, tried, this.settings);
  }

  private actionFor(rung: Rung, diagnosis: Diagnosis) {
    const token = `${workflowInfo().workflowId}/${this.procedure.record.startedAt}`;
    return {
      name: rung.name,
      plan: () => planChange(rung.change({ target: this.target, diagnosis, token })),
      act: async (change: Change) => {
        await this.evidence.beforeChange();
        return makeChange(change);
      },
      needsApproval: approvalReason(rung, diagnosis, {
        target: this.target,
        settings: this.settings,
        taken: this.procedure.taken(),
      }),
      interruptible: rung.interruptible,
    };
  }

  private endWithoutActing(diagnosis: Diagnosis): Conclusion | undefined {
    if (!diagnosis.exists) return this.healthyAs('the target no longer exists');
    if (diagnosis.ignored) {
      return { outcome: 'aborted', reason: 'the target is marked homeostat.dev/ignore' };
    }
    const latest = this.observations.at(-1);
    if (latest?.state === 'owned') {
      return {
        outcome: 'aborted',
        reason: [...this.procedure.changed(), latest.message].join('; '),
      };
    }
    if (diagnosis.vetoed) return { outcome: 'aborted', reason: diagnosis.vetoed };
    return undefined;
  }

  /** Watches until the target was healthy for the whole soak; undefined when it was not. */
  private async verified(): Promise<Conclusion | undefined> {
    const { healed: check, soak = 'soakMs' } = this.runbook;
    const { [soak]: soakMs, verifyTimeoutMs: timeoutMs } = this.settings;
    const verification: Verification = await this.procedure.verify('verify', () =>
      awaitHealthy({ target: this.target, check, soakMs, timeoutMs }),
    );
    if (verification.state === 'gone') return this.healthyAs('the target no longer exists');
    if (verification.state !== 'healthy') {
      this.procedure.note(`not healthy: ${verification.why}`);
      return undefined;
    }
    this.procedure.reach('healthyAt', verification.healthyAt);
    this.procedure.reach('verifiedAt', verification.verifiedAt);
    return this.healthyAs(verification.why);
  }

  /** Healed by this procedure where it changed something, and healthy without it otherwise. */
  private healthyAs(why: string): Conclusion {
    const changed = this.procedure.changed();
    const outcome: Outcome = changed.length > 0 ? 'healed' : 'already-healthy';
    return { outcome, reason: [...changed, why].join('; ') };
  }

  private atWitsEnd(diagnosis: Diagnosis): ApplicationFailure {
    const tried = this.procedure.taken();
    const reason = tried.length > 0 ? `${tried.join(', ')} did not help` : 'no rung applies';
    return ApplicationFailure.nonRetryable(`${reason}: ${diagnosis.health.why}`, 'escalated');
  }

  private async keepEnd(): Promise<void> {
    this.evidence.keep('end');
    await this.evidence.all();
  }

  private take(message: unknown): void {
    if (!isObservedMessage(message)) {
      this.procedure.note(`ignored signal observed: ${JSON.stringify(message)?.slice(0, 200)}`);
      return;
    }
    const { evidence: observation, episodes } = message;
    if (observation.state === 'child') {
      this.procedure.note(`${observation.object}: ${observation.message}`);
      return;
    }
    if (observation.state === 'broken' && episodes && !remember(episodes)) return;
    this.observations.push(observation);
    if (this.observations.length > mostObservations) this.observations.shift();
    this.markSeen(observation);
    if (observation.state !== 'broken') this.procedure.wake();
  }

  private markSeen(observation: Observation): void {
    if (observation.state === 'broken') this.procedure.reach('seenAt', observation.seenAt);
  }
}

function completed(reason: string): Conclusion {
  return { outcome: 'completed', reason };
}

/** A plain error would fail the workflow's task, which is repeated for ever. */
function refuseBadInput(input: unknown): void {
  try {
    checkHealInput(input);
  } catch (error) {
    throw ApplicationFailure.nonRetryable(messageOf(error), 'bad-input');
  }
}

function runbookFor(symptom: string): Runbook {
  const runbook = findRunbook(symptom);
  if (runbook) return runbook;
  const known = runbooks.map((one) => one.symptom).join(', ');
  throw ApplicationFailure.nonRetryable(
    `no runbook answers the symptom "${symptom}"; known are ${known}`,
    'bad-input',
  );
}
