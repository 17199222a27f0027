import { type Logger, LogLevel, WebClient } from '@slack/web-api';
import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { Breaker } from '../../model/breaker';
import type { Announcement, ProcedureAnnouncement, Told } from '../../model/notifier';
import type { ProcedureRecord } from '../../model/procedure';
import { alertThread } from '../../model/slack/alert-thread';
import { type Links, procedureThread } from '../../model/slack/procedure-thread';
import type { SlackSettings } from '../../model/slack/settings';
import type { Thread } from '../../model/slack/thread';
import { Channel } from './channel';
import { reconcile } from './reconcile';

export { isSlackAway } from './errors';

export interface SlackDependencies {
  /** To ask procedures for what is the newest. */
  temporal: Client;
  /** Bot token. */
  token: string;
  apiUrl: string;
  settings: SlackSettings;
  links: Links;
  breaker: Breaker;
  /** Between two calls, in milliseconds. */
  pauseMs?: number;
}

/** Slack allows about one message a second in a channel, and 50 calls a minute of the other methods. */
const defaultPauseMs = 1_200;
const timeoutMs = 10_000;
const askTimeoutMs = 10_000;

export type SlackActivities = ReturnType<typeof createSlackActivities>;

/** What the notifier does in Slack. */
export function createSlackActivities(dependencies: SlackDependencies) {
  const {
    temporal,
    token,
    apiUrl,
    settings,
    links,
    breaker,
    pauseMs = defaultPauseMs,
  } = dependencies;
  const client = new WebClient(token, {
    slackApiUrl: apiUrl,
    timeout: timeoutMs,
    // Repeated by the activity, which looks first: the answer of a message that was posted may be lost.
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    allowAbsoluteUrls: false,
    logger: silent,
  });
  const channel = new Channel(client, settings.channel, breaker, pauseMs);

  return {
    /** Makes the thread of a topic show what is the newest now. */
    async tell({ about, thread }: { about: Announcement; thread?: string }): Promise<Told> {
      const wanted = await wantedThread(about);
      if (!wanted) return { thread, over: true };
      const ts = await reconcile(channel, wanted, thread);
      return { thread: ts, over: wanted.over, lookAgainAt: wanted.lookAgainAt };
    },
  };

  async function wantedThread(about: Announcement): Promise<Thread | undefined> {
    if (about.kind === 'alert') return alertThread(about);
    const record = await newestRecord(temporal, about);
    return record && procedureThread({ ...about, record }, settings, links, Date.now());
  }
}

const ignore = () => undefined;

/** What fails is thrown, and stands in the worker's own log. */
const silent: Logger = {
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
  setLevel: ignore,
  getLevel: () => LogLevel.ERROR,
  setName: ignore,
};

/** The record as it is now; undefined once Temporal has forgotten the procedure. */
async function newestRecord(
  temporal: Client,
  { workflowId, runId }: ProcedureAnnouncement,
): Promise<ProcedureRecord | undefined> {
  const handle = temporal.workflow.getHandle(workflowId, runId, { followRuns: false });
  try {
    const { status, closeTime } = await handle.describe();
    if (status.name === 'COMPLETED') return (await handle.result()) as ProcedureRecord;
    const record = await temporal.withDeadline(Date.now() + askTimeoutMs, () =>
      handle.query<ProcedureRecord>('ledger'),
    );
    const isOpen = status.name === 'RUNNING' || status.name === 'CONTINUED_AS_NEW';
    return isOpen ? record : endedFromOutside(record, status.name, closeTime);
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** A procedure that was terminated has not written so itself. */
function endedFromOutside(
  record: ProcedureRecord,
  status: string,
  closeTime?: Date,
): ProcedureRecord {
  if (record.outcome) return record;
  return {
    ...record,
    phase: 'done',
    outcome: 'aborted',
    reason: `${status.toLowerCase().replace('_', ' ')} in Temporal`,
    endedAt: (closeTime ?? new Date()).toISOString(),
    approvals: record.approvals.map((approval) =>
      approval.state === 'waiting' ? { ...approval, state: 'timed-out' } : approval,
    ),
  };
}
