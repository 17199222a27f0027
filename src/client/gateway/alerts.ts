import { z } from 'zod';
import { listUnmatched } from '../procedures/alerts';
import type { RouteGroup } from './context';

const listedSchema = z.object({
  name: z.string(),
  fingerprint: z.string(),
  status: z.enum(['firing', 'resolved']),
  startsAt: z.string(),
  message: z.string(),
  labels: z.string(),
  why: z.string().describe('Why nothing answers it.'),
  seenAt: z.string(),
  times: z.int(),
});

/** `GET /api/v1/alerts`: the alerts that no runbook or no object answered. */
export const alertsApi: RouteGroup = {
  access: 'token',
  add(app, { session }) {
    app.get(
      '/api/v1/alerts',
      {
        schema: {
          summary: 'Alerts that no runbook answers, latest first',
          tags: ['alerts'],
          security: [{ token: [] }],
          response: { 200: z.object({ items: z.array(listedSchema) }) },
        },
      },
      async () => ({ items: await listUnmatched(session) }),
    );
  },
};
