import { rootCause } from '@temporalio/common';
import {
  CancellationScope,
  defineSignal,
  getExternalWorkflowHandle,
  isCancellation,
  proxyActivities,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { createGovernorActivities } from '../../activities/temporal';
import type { End } from '../../model/governor/attempts';
import type { LeaseRelease, LeaseRequest } from '../../model/governor/messages';
import type { Surroundings } from '../../model/governor/shares';
import type { Gate } from '../../model/procedure';
import { governorWorkflowId, type Target } from '../../model/target';
import { grantedSignal, refusedSignal } from './messages';

export const requestSignal = defineSignal<[LeaseRequest]>('request');
export const releaseSignal = defineSignal<[LeaseRelease]>('release');

/** Finds out how things are around a target; the governor judges by it whether to begin. */
export type Survey = (input: { target: Target }) => Promise<Surroundings>;

const { ensureGovernor } = proxyActivities<ReturnType<typeof createGovernorActivities>>({
  startToCloseTimeout: '10s',
  retry: { maximumInterval: '10s' },
});

/** Well within the time to live of a lease, which configuration keeps at three minutes or more. */
const renewEveryMs = 60_000;

const surveyAgainAfterMs = 15_000;

/** Acting needs a lease that holds for a while yet, since an action takes time. */
const marginMs = 15_000;

/** A procedure's lease on its target, asked for and renewed by one repeated signal. */
export class Lease {
  private until = 0;
  private gate: Gate | undefined;
  private renewal: CancellationScope | undefined;

  constructor(
    private readonly target: Target,
    private readonly survey?: Survey,
  ) {
    setHandler(grantedSignal, (grant) => {
      // NaN, from a malformed signal, is never a good lease.
      this.until = Date.parse(grant?.until);
      this.gate = undefined;
    });
    setHandler(refusedSignal, (gate) => {
      if (typeof gate?.gate !== 'string') return;
      this.until = 0;
      this.gate = gate;
    });
  }

  /** Begins to ask, and goes on asking until the release. */
  async hold(): Promise<void> {
    try {
      // Outside the procedure's own scope: the lease must last while an abort puts things back.
      await CancellationScope.nonCancellable(() => {
        this.renewal = new CancellationScope({ cancellable: true });
        return this.renewal.run(() => this.keepAsking());
      });
    } catch (error) {
      if (!isCancellation(error)) throw error;
    }
  }

  /** What keeps the procedure from acting, or undefined while the lease is good. */
  blockedBy(): Gate | undefined {
    if (this.gate || this.until === 0 || this.isGood()) return this.gate;
    return {
      gate: 'lease-lost',
      reason: 'the lease was not renewed in time; it is asked for again',
    };
  }

  isGood(): boolean {
    return this.until - marginMs > Date.now();
  }

  /** Gives the target back; the governor frees it by itself should this never arrive. */
  async release(end: End): Promise<void> {
    this.renewal?.cancel();
    await CancellationScope.nonCancellable(() =>
      this.governor.signal(releaseSignal, { workflowId: workflowInfo().workflowId, ...end }),
    ).catch(() => undefined);
  }

  private async keepAsking(): Promise<void> {
    for (;;) await sleep(await this.askOnce());
  }

  /** Asks, or renews, and returns after how many milliseconds to do it again. */
  private async askOnce(): Promise<number> {
    const request = { workflowId: workflowInfo().workflowId, target: this.target };
    if (this.isGood() || !this.survey) {
      await this.ask(request);
      return renewEveryMs;
    }
    try {
      const surroundings = await this.survey({ target: this.target });
      await this.ask({ ...request, surroundings });
      return renewEveryMs;
    } catch (error) {
      if (isCancellation(error)) throw error;
      this.gate ??= unsurveyed(error);
      return surveyAgainAfterMs;
    }
  }

  private async ask(request: LeaseRequest): Promise<void> {
    try {
      await this.governor.signal(requestSignal, request);
    } catch (error) {
      if (isCancellation(error)) throw error;
      this.gate = { gate: 'governor-away', reason: 'no governor is running; one is being started' };
      await ensureGovernor({ cluster: this.target.cluster });
      await this.governor.signal(requestSignal, request);
    }
  }

  private get governor() {
    return getExternalWorkflowHandle(governorWorkflowId(this.target.cluster));
  }
}

/** Not to know how things are is a reason to wait, never to go on. */
function unsurveyed(error: unknown): Gate {
  return {
    gate: 'unsurveyed',
    reason: `how things are around the target cannot be seen: ${rootCause(error)}`,
    until: new Date(Date.now() + surveyAgainAfterMs).toISOString(),
  };
}
