import {
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  isCancellation,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { type AlertAnnouncement, alertAnnouncement } from '../model/notifier';
import {
  areUnmatched,
  newUnmatchedState,
  receiveUnmatched,
  type UnmatchedAlert,
  type UnmatchedState,
  worthTelling,
} from '../model/unmatched';
import { announceTo } from './procedure/announcer';

export interface ReceivedMessage {
  alerts: UnmatchedAlert[];
  /** Whether the notifier is told of them. */
  announce?: boolean;
}

/** Alerts that nothing answers, sent by the gateway before it says that it took them. */
export const receivedSignal = defineSignal<[ReceivedMessage]>('received');

/** The list. */
export const alertsQuery = defineQuery<UnmatchedState>('alerts');

export interface UnmatchedAlertsInput {
  cluster: string;
  /** What an earlier run carried over. */
  state?: UnmatchedState;
}

/** The one per cluster that keeps the alerts which no runbook answers, so that none is lost. */
export async function unmatchedAlerts(input: UnmatchedAlertsInput): Promise<void> {
  const state = input.state ?? newUnmatchedState(input.cluster);
  const untold = new Map<string, AlertAnnouncement>();
  setHandler(alertsQuery, () => state);
  setHandler(receivedSignal, (message) => {
    if (!areUnmatched(message?.alerts)) return;
    const { alerts, announce } = message;
    const news = receiveUnmatched(state, alerts, new Date().toISOString());
    setCurrentDetails(detailsOf(state));
    if (!announce) return;
    for (const alert of worthTelling(state, alerts, news)) {
      const announcement = alertAnnouncement(alert);
      untold.set(announcement.id, announcement);
    }
  });
  while (untold.size > 0 || !workflowInfo().continueAsNewSuggested) {
    await condition(() => untold.size > 0 || workflowInfo().continueAsNewSuggested);
    await tellNotifier(input.cluster, untold);
  }
  await continueAsNew<typeof unmatchedAlerts>({ cluster: input.cluster, state });
}

/** One after the other; what the notifier cannot be told stays listed. */
async function tellNotifier(
  cluster: string,
  untold: Map<string, AlertAnnouncement>,
): Promise<void> {
  for (const [id, announcement] of untold) {
    untold.delete(id);
    await announceTo(cluster, announcement).catch((error: unknown) => {
      if (isCancellation(error)) throw error;
    });
  }
}

const mostDetailed = 20;

function detailsOf({ cluster, alerts, dropped }: UnmatchedState): string {
  const firing = alerts.filter(({ status }) => status === 'firing').length;
  return [
    `### Alerts of ${cluster} that no runbook answers: ${firing} firing`,
    ...alerts
      .slice(-mostDetailed)
      .toReversed()
      .map(({ name, status, message, why }) => `- **${name}** (${status}): ${message}; ${why}`),
    ...(dropped > 0 ? ['', `${dropped} older ones made room`] : []),
  ].join('\n');
}
