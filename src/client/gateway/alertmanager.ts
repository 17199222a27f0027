import { createHash } from 'node:crypto';
import { stripVTControlCharacters } from 'node:util';
import { z } from 'zod';
import type { Alert } from '../../model/alerts';
import { redactText } from '../../model/redact';
import type { RouteGroup } from './context';
import { problemOf } from './problems';

const time = () =>
  z.iso.datetime({ offset: true, message: 'write a time such as 2026-01-01T00:00:00Z' });

const labelsSchema = z
  .record(
    z.string().max(256, 'write a name of at most 256 characters'),
    z.string().max(2_048, 'write a value of at most 2048 characters'),
  )
  .superRefine((labels, context) => {
    const issue = { code: 'custom', input: labels } as const;
    if (!labels.alertname) {
      context.addIssue({ ...issue, path: ['alertname'], message: 'name the alert' });
    }
    if (Object.keys(labels).length > 100) {
      context.addIssue({ ...issue, message: 'send at most 100 labels' });
    }
  });

const alertSchema = z.looseObject({
  status: z.enum(['firing', 'resolved']),
  labels: labelsSchema.describe(
    'With alertname; namespace, pod, deployment and so on name the object.',
  ),
  annotations: z.record(z.string(), z.string()).default({}),
  startsAt: time(),
  endsAt: time().optional(),
  fingerprint: z.string().min(1).max(64, 'write at most 64 characters').optional(),
});

/** What Alertmanager posts. Newer versions add fields, so unknown ones are let in. */
export const notificationSchema = z.looseObject({
  version: z.literal('4'),
  alerts: z.array(alertSchema),
});

type WrittenAlert = z.output<typeof alertSchema>;

const resultSchema = z.object({
  received: z.int(),
  accepted: z.int().describe('A healing has it.'),
  known: z.int().describe('An earlier healing has dealt with this episode.'),
  resolved: z.int(),
  unmatched: z.int().describe('No runbook or no object answers it; GET /api/v1/alerts lists it.'),
});

/**
 * `POST /hooks/alertmanager`. A 2xx is final, so it is sent only once everything is durable in Temporal;
 * a 4xx drops the notification, and a 5xx is repeated.
 */
export const alertmanagerHook: RouteGroup = {
  access: 'token',
  add(app, { intake, metrics }) {
    app.addHook('onError', async (_request, _reply, error) => {
      if (problemOf(error).status < 500) metrics.alerts.inc({ result: 'refused' });
    });
    app.post(
      '/hooks/alertmanager',
      {
        schema: {
          summary: "Alertmanager's webhook, version 4",
          tags: ['hooks'],
          security: [{ token: [] }],
          body: notificationSchema,
          response: { 200: resultSchema },
        },
      },
      ({ body }) => intake.take(body.alerts.map(toAlert)),
    );
  },
};

function toAlert({
  status,
  labels,
  annotations,
  startsAt,
  endsAt,
  fingerprint,
}: WrittenAlert): Alert {
  const { alertname: name = '' } = labels;
  const { summary, description, message } = annotations;
  return {
    status,
    name,
    labels,
    message: printable(summary || description || message || name),
    fingerprint: fingerprint ?? fingerprintOf(labels),
    startsAt: utc(startsAt),
    ...(endsAt && !endsAt.startsWith('0001-') && { endsAt: utc(endsAt) }),
  };
}

/** Both Alertmanagers of a pair then write it alike. */
const utc = (written: string) => new Date(written).toISOString();

const longestMessage = 300;

/** Text of others, fit for histories and terminals: one line, bounded, without secrets. */
function printable(text: string): string {
  const start = stripVTControlCharacters(text.slice(0, longestMessage * 4));
  const line = start.replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, ' ').trim();
  return redactText(line).slice(0, longestMessage);
}

/** Old versions send none. */
function fingerprintOf(labels: Record<string, string>): string {
  const sorted = Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(sorted)).digest('hex').slice(0, 16);
}
