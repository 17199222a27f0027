import type { Logger } from '../../service/log';
import type { Report } from '../incidents';

export interface ReporterOptions {
  send: (report: Report) => Promise<void>;
  onResult: (result: 'sent' | 'failed', report: Report) => void;
  log: Logger;
}

const mostInFlight = 20;
const firstPauseMs = 100;
const longestPauseMs = 2_000;

/**
 * Delivers reports, and keeps those that could not be delivered until they are. At most one is
 * kept for an incident and object, so that there are never more than objects.
 */
export class Reporter {
  private readonly pending = new Map<string, Report>();
  /** Procedures that are being told, each of one thing after the other. */
  private readonly inFlight = new Set<string>();
  private pauseMs = firstPauseMs;
  private pause: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(private readonly options: ReporterOptions) {}

  /** Reports that were not delivered yet. */
  get waiting(): number {
    return this.pending.size;
  }

  add(report: Report): void {
    const key = keyOf(report);
    const before = this.pending.get(key)?.observation;
    const { observation } = report;
    // The fault became visible when it was seen first, though it was told later.
    const seenAt = before?.state === observation.state ? before.seenAt : observation.seenAt;
    // Behind what was added since, so that the latest word is the last.
    this.pending.delete(key);
    this.pending.set(key, { ...report, observation: { ...observation, seenAt } });
    this.drain();
  }

  /** Drops what is to be told of an object that is gone. */
  forget(object: string): void {
    for (const [key, report] of this.pending) {
      if (report.observation.object === object && report.observation.state === 'broken')
        this.pending.delete(key);
    }
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.pause);
  }

  private drain(): void {
    if (this.pause || this.closed) return;
    for (const [key, report] of this.pending) {
      if (this.inFlight.size >= mostInFlight) return;
      if (!this.inFlight.has(report.workflowId)) void this.deliver(key, report);
    }
  }

  private async deliver(key: string, report: Report): Promise<void> {
    this.inFlight.add(report.workflowId);
    try {
      await this.options.send(report);
      if (this.pending.get(key) === report) this.pending.delete(key);
      this.pauseMs = firstPauseMs;
      this.options.onResult('sent', report);
    } catch (error) {
      this.options.onResult('failed', report);
      this.rest(error);
    } finally {
      this.inFlight.delete(report.workflowId);
      this.drain();
    }
  }

  private rest(error: unknown): void {
    if (this.pause || this.closed) return;
    this.options.log.warn(
      { error, waiting: this.waiting },
      'Temporal took no report; trying again',
    );
    this.pause = setTimeout(() => {
      this.pause = undefined;
      this.drain();
    }, this.pauseMs);
    this.pauseMs = Math.min(this.pauseMs * 2, longestPauseMs);
  }
}

function keyOf({ workflowId, observation }: Report): string {
  return `${workflowId} ${observation.object} ${observation.state}`;
}
