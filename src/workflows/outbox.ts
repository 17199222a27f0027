import { condition, getExternalWorkflowHandle } from '@temporalio/workflow';
import type { GovernorAnswer } from '../model/governor/state';
import { grantedSignal, refusedSignal } from './procedure/messages';

/** Temporal lets a workflow have a limited number of signals under way; a few are as fast as many. */
const mostUnderWay = 100;

/**
 * Answers on their way to procedures. Nobody waits for them, a procedure that is slow to reach holds
 * up no other, and of several answers for one procedure only the latest is sent.
 */
export class Outbox {
  private readonly unsent = new Map<string, GovernorAnswer>();
  private readonly underWay = new Set<string>();
  private closed = false;

  constructor(answers: readonly GovernorAnswer[] = []) {
    this.put(answers);
  }

  put(answers: readonly GovernorAnswer[]): void {
    for (const answer of answers) {
      // Set anew, so that the order is that of the latest answers.
      this.unsent.delete(answer.workflowId);
      this.unsent.set(answer.workflowId, answer);
    }
    this.send();
  }

  /** Waits for what is under way, which would be lost with the run, and returns what was not sent. */
  async close(): Promise<GovernorAnswer[]> {
    this.closed = true;
    await condition(() => this.underWay.size === 0);
    return [...this.unsent.values()];
  }

  private send(): void {
    for (const answer of this.unsent.values()) {
      if (this.closed || this.underWay.size >= mostUnderWay) return;
      // Two at once for one procedure could arrive in the wrong order.
      if (!this.underWay.has(answer.workflowId)) void this.deliver(answer);
    }
  }

  private async deliver(answer: GovernorAnswer): Promise<void> {
    const { workflowId } = answer;
    this.unsent.delete(workflowId);
    this.underWay.add(workflowId);
    await tell(answer);
    this.underWay.delete(workflowId);
    this.send();
  }
}

/** A procedure that is gone needs no answer; its lease lapses. */
async function tell(answer: GovernorAnswer): Promise<void> {
  const procedure = getExternalWorkflowHandle(answer.workflowId);
  try {
    if (answer.answer === 'granted') await procedure.signal(grantedSignal, { until: answer.until });
    else await procedure.signal(refusedSignal, answer.gate);
  } catch {
    return;
  }
}
