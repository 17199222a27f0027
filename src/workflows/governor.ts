import {
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  getExternalWorkflowHandle,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import {
  type GovernorAnswer,
  type GovernorPolicy,
  type GovernorState,
  isGovernorPolicy,
  isLeaseRelease,
  isLeaseRequest,
  newGovernorState,
  nextChangeAt,
  receiveHalt,
  receiveRelease,
  receiveRequest,
  receiveResume,
  settle,
} from '../model/governor';
import {
  type ByMessage,
  checkMessage,
  type MessageName,
  type ReasonedMessage,
} from '../model/messages';
import { releaseSignal, requestSignal } from './procedure/lease';
import { grantedSignal, refusedSignal } from './procedure/messages';

/** Sets the limits; sent by every worker when it starts. */
export const configureSignal = defineSignal<[GovernorPolicy]>('configure');
export const haltSignal = defineSignal<[ReasonedMessage]>('halt');
export const haltUpdate = defineUpdate<void, [ReasonedMessage]>('halt');
export const resumeSignal = defineSignal<[ByMessage]>('resume');
export const resumeUpdate = defineUpdate<void, [ByMessage]>('resume');

/** Who holds what, who waits and why. */
export const stateQuery = defineQuery<GovernorState>('state');

export interface GovernorInput {
  cluster: string;
  /** What an earlier run carried over. */
  state?: GovernorState;
}

/**
 * The one per cluster that gives out leases on targets, so that procedures never fight over one.
 * Asked and answered by signals: updates do not bear a storm.
 */
export async function governor(input: GovernorInput): Promise<void> {
  const state = input.state ?? newGovernorState(input.cluster);
  const answers: GovernorAnswer[] = [];
  let stirred = true;

  /** Handlers only change the state; the loop below answers, many at a time. */
  const change = (apply: () => GovernorAnswer[] | void) => {
    answers.push(...(apply() ?? []));
    stirred = true;
  };
  const halt = (message: ReasonedMessage) =>
    change(() => receiveHalt(state, { ...message, at: new Date().toISOString() }));
  const resume = () => change(() => receiveResume(state, Date.now()));

  const configure = (policy: GovernorPolicy) =>
    change(() => {
      state.policy = policy;
    });
  /** A malformed signal must not stop the governor, so it is shown and forgotten. */
  let rejected = '';
  const wellFormed =
    <M>(name: string, isM: (message: unknown) => message is M, apply: (message: M) => void) =>
    (message: unknown) => {
      if (isM(message)) return apply(message);
      rejected = `ignored signal ${name}: ${JSON.stringify(message)?.slice(0, 200)}`;
      stirred = true;
    };

  setHandler(stateQuery, () => state);
  setHandler(
    requestSignal,
    wellFormed('request', isLeaseRequest, (request) =>
      change(() => receiveRequest(state, request, Date.now())),
    ),
  );
  setHandler(
    releaseSignal,
    wellFormed('release', isLeaseRelease, (release) =>
      change(() => receiveRelease(state, release, Date.now())),
    ),
  );
  setHandler(configureSignal, wellFormed('configure', isGovernorPolicy, configure));
  setHandler(haltSignal, wellFormed('halt', isMessage<ReasonedMessage>('halt'), halt));
  setHandler(resumeSignal, wellFormed('resume', isMessage<ByMessage>('resume'), resume));
  setHandler(haltUpdate, halt, { validator: (message) => checkMessage('halt', message) });
  setHandler(resumeUpdate, resume, { validator: (message) => checkMessage('resume', message) });

  while (stirred || !workflowInfo().continueAsNewSuggested) {
    if (stirred) {
      stirred = false;
      answers.push(...settle(state, Date.now()));
      setCurrentDetails(detailsOf(state, rejected));
      await Promise.all(answers.splice(0).map(tell));
      continue;
    }
    const next = nextChangeAt(state);
    const woken = () => stirred || workflowInfo().continueAsNewSuggested;
    if (next === undefined) await condition(woken);
    else await condition(woken, Math.max(next - Date.now(), 1));
    stirred = true;
  }
  await continueAsNew<typeof governor>({ cluster: input.cluster, state });
}

const isMessage =
  <M>(name: MessageName) =>
  (message: unknown): message is M => {
    try {
      checkMessage(name, message);
      return true;
    } catch {
      return false;
    }
  };

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

function detailsOf(state: GovernorState, rejected: string): string {
  const { halt } = state;
  return [
    halt ? `### Halted by ${halt.by}: ${halt.reason}` : '### Working',
    ...(rejected ? ['', rejected] : []),
    '',
    '| Target | Held by | Until |',
    '| --- | --- | --- |',
    ...Object.entries(state.leases).map(
      ([key, lease]) => `| ${key} | ${lease.workflowId} | ${clock(lease.expiresAt)} |`,
    ),
    '',
    '| Waiting | Gate | Why |',
    '| --- | --- | --- |',
    ...state.waiting.map(
      ({ workflowId, told }) => `| ${workflowId} | ${told?.gate ?? ''} | ${told?.reason ?? ''} |`,
    ),
  ].join('\n');
}

const clock = (time: number) => new Date(time).toISOString().slice(11, 19);
