import {
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import {
  nextChangeAt,
  receiveEnforce,
  receiveHalt,
  receiveOverride,
  receivePolicy,
  receiveRelease,
  receiveRequest,
  receiveResume,
  settle,
} from '../model/governor';
import { carried } from '../model/governor/carry';
import {
  checkOverride,
  isLeaseRelease,
  isLeaseRequest,
  type OverrideMessage,
} from '../model/governor/messages';
import { type GovernorPolicy, isGovernorPolicy } from '../model/governor/policy';
import { type GovernorAnswer, type GovernorState, newGovernorState } from '../model/governor/state';
import { governorDetails } from '../model/governor/view';
import {
  type ByMessage,
  checkMessage,
  type MessageName,
  type ReasonedMessage,
} from '../model/messages';
import { Outbox } from './outbox';
import { releaseSignal, requestSignal } from './procedure/lease';

/** Sets the limits; sent by every worker when it starts. */
export const configureSignal = defineSignal<[GovernorPolicy]>('configure');

/** Who holds what, who waits and why. */
export const stateQuery = defineQuery<GovernorState>('state');

export interface GovernorInput {
  cluster: string;
  /** What an earlier run carried over. */
  state?: GovernorState;
  /** Answers that an earlier run did not get to send. */
  unsent?: GovernorAnswer[];
}

/**
 * The one per cluster that gives out leases on targets, so that procedures never fight over one,
 * and keeps the budgets. Asked and answered by signals: updates do not bear a storm.
 */
export async function governor({ cluster, state: earlier, unsent }: GovernorInput): Promise<void> {
  const state = earlier ?? newGovernorState(cluster, Date.now());
  const outbox = new Outbox(unsent);
  let stirred = true;

  /** Handlers only change the state; the loop below answers, many at a time. */
  const change = (apply: () => GovernorAnswer[] | void) => {
    outbox.put(apply() ?? []);
    stirred = true;
  };
  /** A malformed signal must not stop the governor, so it is shown and forgotten. */
  let rejected = '';
  const take =
    <M>(name: string, isM: (message: unknown) => message is M, apply: (message: M) => void) =>
    (message: unknown) => {
      if (isM(message)) return apply(message);
      rejected = `ignored signal ${name}: ${JSON.stringify(message)?.slice(0, 200)}`;
      stirred = true;
    };

  setHandler(stateQuery, () => state);
  setHandler(
    requestSignal,
    take('request', isLeaseRequest, (request) =>
      change(() => receiveRequest(state, request, Date.now())),
    ),
  );
  setHandler(
    releaseSignal,
    take('release', isLeaseRelease, (release) =>
      change(() => receiveRelease(state, release, Date.now())),
    ),
  );
  setHandler(
    configureSignal,
    take(
      'configure',
      (policy) => isGovernorPolicy(policy, Date.now()),
      (policy) => change(() => receivePolicy(state, policy, Date.now())),
    ),
  );

  lever<ReasonedMessage>('halt', (message) =>
    receiveHalt(state, { ...message, at: new Date().toISOString() }),
  );
  lever<ByMessage>('resume', () => receiveResume(state));
  lever<OverrideMessage>(
    'override',
    (message) => receiveOverride(state, message, Date.now()),
    (message) => checkOverride(message, Date.now()),
  );
  lever<ByMessage>('enforce', () => receiveEnforce(state));

  for (;;) {
    if (stirred) {
      stirred = false;
      outbox.put(settle(state, Date.now()));
      setCurrentDetails(governorDetails(state, Date.now(), rejected));
    }
    // Looked at even while signals keep coming, or a storm would fill the history to its end.
    if (workflowInfo().continueAsNewSuggested) break;
    await untilNextChange();
    stirred = true;
  }
  const late = await outbox.close();
  await continueAsNew<typeof governor>({ cluster, state: carried(state), unsent: late });

  /** A lever for people: a signal for scripts, and an update of the same name for those who want the answer. */
  function lever<M>(
    name: MessageName,
    pull: (message: M) => void,
    check = (message: unknown) => checkMessage(name, message),
  ): void {
    const apply = (message: M) => change(() => pull(message));
    setHandler(defineSignal<[M]>(name), take(name, accepts<M>(check), apply));
    setHandler(defineUpdate<void, [M]>(name), apply, { validator: check });
  }

  async function untilNextChange(): Promise<void> {
    const next = nextChangeAt(state);
    const woken = () => stirred || workflowInfo().continueAsNewSuggested;
    if (next === undefined) await condition(woken);
    else await condition(woken, Math.max(next - Date.now(), 1));
  }
}

const accepts =
  <M>(check: (message: unknown) => void) =>
  (message: unknown): message is M => {
    try {
      check(message);
      return true;
    } catch {
      return false;
    }
  };
