import {
  CancellationScope,
  defineSignal,
  getExternalWorkflowHandle,
  proxyActivities,
  workflowInfo,
} from '@temporalio/workflow';
import type { createNotifierActivities } from '../../activities/temporal';
import { type Announcement, isUrgent } from '../../model/notifier';
import type { ProcedureRecord } from '../../model/procedure';
import { notifierWorkflowId } from '../../model/target';

export const announceSignal = defineSignal<[Announcement]>('announce');

/** A procedure that ends waits for its last announcement, so this is kept short. */
const { startNotifier } = proxyActivities<ReturnType<typeof createNotifierActivities>>({
  startToCloseTimeout: '10s',
  scheduleToCloseTimeout: '20s',
});

/** Tells the notifier that the record changed; many changes at once are one message, and a failure is nobody's. */
export class Announcer {
  private changed = false;
  private telling: Promise<void> | undefined;

  constructor(
    private readonly record: ProcedureRecord,
    private readonly enabled: boolean,
  ) {}

  /** Returns at once. */
  announce(): void {
    if (!this.enabled) return;
    this.changed = true;
    this.telling ??= CancellationScope.nonCancellable(() => this.tell());
  }

  /** Resolves once everything is told, or could not be. */
  async settled(): Promise<void> {
    await this.telling;
  }

  private async tell(): Promise<void> {
    while (this.changed) {
      this.changed = false;
      await this.deliver().catch(() => undefined);
    }
    this.telling = undefined;
  }

  private deliver(): Promise<void> {
    const { workflowId, runId, firstExecutionRunId: firstRunId } = workflowInfo();
    const urgent = isUrgent(this.record);
    return announceTo(this.record.target.cluster, {
      kind: 'procedure',
      workflowId,
      runId,
      firstRunId,
      urgent,
    });
  }
}

/** Gives an announcement to the cluster's notifier, which is started where it does not run. */
export async function announceTo(cluster: string, announcement: Announcement): Promise<void> {
  const notifier = getExternalWorkflowHandle(notifierWorkflowId(cluster));
  try {
    await notifier.signal(announceSignal, announcement);
  } catch {
    await startNotifier({ cluster, announcement });
  }
}
