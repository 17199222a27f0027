import { rootCause } from '@temporalio/common';
import { isCancellation, workflowInfo } from '@temporalio/workflow';
import type { EvidenceRef, LedgerEntry, ProcedureRecord } from '../../model/procedure';
import { snapshot, snapshotMetrics } from './activities';

/** Keeps evidence beside the work: nothing waits for it but what would destroy it, and the procedure's end. */
export class Evidence {
  private readonly perishable: Promise<void>[] = [];
  private readonly lasting: Promise<void>[] = [];

  constructor(
    private readonly record: ProcedureRecord,
    private readonly note: (text: string) => void,
  ) {}

  /**
   * Begins a snapshot of the target, and of its metrics.
   * @param label when in the procedure: `start`, a rung's name, `end`.
   * @param step the step that it belongs to.
   */
  keep(label: string, step?: LedgerEntry): void {
    const { workflowId, runId } = workflowInfo();
    const input = { target: this.record.target, label, workflowId, runId };
    this.perishable.push(this.kept(`evidence (${label})`, snapshot(input), step));
    this.lasting.push(this.kept(`metrics (${label})`, snapshotMetrics(input), step));
  }

  /** Resolves once everything is kept that a change would destroy. */
  async beforeChange(): Promise<void> {
    await Promise.all(this.perishable);
  }

  async all(): Promise<void> {
    await Promise.all([...this.perishable, ...this.lasting]);
  }

  /** A procedure goes on without evidence where the store is away, and says so. */
  private async kept(
    what: string,
    taking: Promise<EvidenceRef[]>,
    step: LedgerEntry | undefined,
  ): Promise<void> {
    try {
      const taken = await taking;
      this.record.evidence.push(...taken);
      if (step) step.evidence = [...(step.evidence ?? []), ...taken];
    } catch (error) {
      if (!isCancellation(error)) this.note(`no ${what}: ${rootCause(error)}`);
    }
  }
}
