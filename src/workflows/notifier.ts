import {
  ActivityFailure,
  ApplicationFailure,
  condition,
  continueAsNew,
  defineQuery,
  isCancellation,
  proxyActivities,
  rootCause,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { SlackActivities } from '../activities/slack';
import {
  begin,
  isAnnouncement,
  type NotifierState,
  newNotifierState,
  nextDueAt,
  nextToTell,
  receive,
  settle,
  settleFailure,
} from '../model/notifier';
import { announceSignal } from './procedure/announcer';

/** What is still to be told, and which threads are open. */
export const notifierStateQuery = defineQuery<NotifierState>('state');

export interface NotifierInput {
  cluster: string;
  /** What an earlier run carried over. */
  state?: NotifierState;
}

/** Slack may be away for hours: an attempt that fails is repeated, with whatever is the newest then. */
const { tell } = proxyActivities<SlackActivities>({
  startToCloseTimeout: '2m',
  scheduleToCloseTimeout: '10m',
  heartbeatTimeout: '5s',
  retry: { initialInterval: '1s', maximumInterval: '1m' },
});

const retryAfterMs = 30_000;

/**
 * The one per cluster that tells people in Slack. It takes announcements, keeps the newest of each
 * topic, and tells one topic at a time; nothing waits for it.
 */
export async function notifier(input: NotifierInput): Promise<void> {
  const state = input.state ?? newNotifierState(input.cluster);
  let trouble = '';

  setHandler(notifierStateQuery, () => state);
  setHandler(announceSignal, (message: unknown) => {
    if (isAnnouncement(message)) receive(state, message, Date.now());
    else trouble = `ignored signal announce: ${JSON.stringify(message)?.slice(0, 200)}`;
  });

  while (!workflowInfo().continueAsNewSuggested) {
    setCurrentDetails(detailsOf(state, trouble));
    const key = nextToTell(state, Date.now());
    if (key) trouble = await tellTopic(state, key);
    else await untilDue(state);
  }
  await continueAsNew<typeof notifier>({ cluster: input.cluster, state });
}

/** Tells one topic, and answers why that failed, or nothing. */
async function tellTopic(state: NotifierState, key: string): Promise<string> {
  const { about, thread } = begin(state, key);
  try {
    settle(state, key, await tell({ about, thread }));
    return '';
  } catch (error) {
    if (isCancellation(error)) throw error;
    settleFailure(state, key, isHopeless(error) ? undefined : Date.now() + retryAfterMs);
    return `${key}: ${rootCause(error)}`;
  }
}

/** Whether Slack will never take what is to be told. */
function isHopeless(error: unknown): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : undefined;
  return cause instanceof ApplicationFailure && cause.nonRetryable === true;
}

async function untilDue(state: NotifierState): Promise<void> {
  const due = nextDueAt(state);
  const stirred = () =>
    nextToTell(state, Date.now()) !== undefined || workflowInfo().continueAsNewSuggested;
  if (due === undefined) await condition(stirred);
  else await condition(stirred, Math.max(due - Date.now(), 1));
}

function detailsOf(state: NotifierState, trouble: string): string {
  const topics = Object.entries(state.topics);
  const now = Date.now();
  const waiting = topics.filter(([, { due }]) => due === undefined || due <= now);
  return [
    `### ${waiting.length} to tell, ${topics.length} topics open`,
    ...(trouble ? ['', trouble] : []),
    ...(state.refused > 0 ? ['', `${state.refused} announcements found no room`] : []),
  ].join('\n');
}
