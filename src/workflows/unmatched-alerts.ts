import {
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import {
  areUnmatched,
  newUnmatchedState,
  receiveUnmatched,
  type UnmatchedAlert,
  type UnmatchedState,
} from '../model/unmatched';

/** Alerts that nothing answers, sent by the gateway before it says that it took them. */
export const receivedSignal = defineSignal<[{ alerts: UnmatchedAlert[] }]>('received');

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
  setHandler(alertsQuery, () => state);
  setHandler(receivedSignal, (message) => {
    if (!areUnmatched(message?.alerts)) return;
    receiveUnmatched(state, message.alerts, new Date().toISOString());
    setCurrentDetails(detailsOf(state));
  });
  await condition(() => workflowInfo().continueAsNewSuggested);
  await continueAsNew<typeof unmatchedAlerts>({ cluster: input.cluster, state });
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
