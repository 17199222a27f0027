import { Counter, Histogram, type Registry } from 'prom-client';
import type { SlackResult } from './slack/hook';

/**
 * What became of an alert. `accepted`: a healing has it. `known`: an earlier healing has dealt with this
 * episode. `resolved`: it is over. `unmatched`: nothing answers it; listed. `refused`: bad input.
 * `deferred`: answered with 503, so that it comes again.
 */
export const alertResults = [
  'accepted',
  'known',
  'resolved',
  'unmatched',
  'refused',
  'deferred',
] as const;

export type AlertResult = (typeof alertResults)[number];

/** What became of a request of Slack. */
const slackResults: readonly SlackResult[] = [
  'approved',
  'denied',
  'not-allowed',
  'over',
  'other-plan',
  'refused',
  'unreachable',
  'unsigned',
  'stale',
  'replayed',
  'malformed',
];

/** The gateway's metrics. */
export function createGatewayMetrics(registry: Registry) {
  const registers = [registry];
  const alerts = new Counter({
    name: 'homeostat_alerts_received_total',
    help: 'Alerts received, by what became of them; a refused body counts as one.',
    labelNames: ['result'],
    registers,
  });
  for (const result of alertResults) alerts.inc({ result }, 0);
  const slack = new Counter({
    name: 'homeostat_slack_requests_total',
    help: 'Requests of Slack, by what became of them.',
    labelNames: ['result'],
    registers,
  });
  for (const result of slackResults) slack.inc({ result }, 0);
  return {
    alerts,
    slack,
    requests: new Histogram({
      name: 'homeostat_gateway_request_seconds',
      help: 'How long requests took, by route and status.',
      labelNames: ['route', 'status'],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    }),
  };
}

export type GatewayMetrics = ReturnType<typeof createGatewayMetrics>;
