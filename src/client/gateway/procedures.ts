import { z } from 'zod';
import type { MessageName } from '../../model/messages';
import { checkRequest, startHealing } from '../procedures/heal';
import { families, listProcedures } from '../procedures/items';
import { sendMessage } from '../procedures/messages';
import { describeProcedure } from '../procedures/record';
import type { Gateway, RouteGroup } from './context';

const shared = { tags: ['procedures'], security: [{ token: [] as string[] }] };

const idSchema = z.object({ id: z.string().min(1).max(1_000) });

const itemSchema = z.looseObject({
  id: z.string(),
  runId: z.string(),
  family: z.string().nullable(),
  type: z.string(),
  symptom: z.string().nullable(),
  phase: z.string().nullable(),
  outcome: z.string().nullable(),
  startedAt: z.string(),
  endedAt: z.string().nullable(),
});

const listQuery = z.strictObject({
  family: z.enum(families as [string, ...string[]]).optional(),
  namespace: z.string().max(63).optional().describe('Only targets in this namespace.'),
  running: z.stringbool().optional().describe('Only those that have not ended.'),
  limit: z.coerce.number().int().min(1).max(1_000).default(100),
});

const line = (what: string) =>
  z.string().trim().min(1, 'write a text that is not empty').describe(what);
const by = line('Who says so, such as you@example.org.');
const reason = line('Why.');

/** What each message to a procedure carries; the CLI's commands of the same names. */
const messages = {
  approve: z.strictObject({
    by,
    comment: line('Kept with the approval.').optional(),
    digest: line('Approve only the plan with this digest.').optional(),
  }),
  deny: z.strictObject({ by, reason }),
  abort: z.strictObject({ by, reason }),
  pause: z.strictObject({ by }),
  resume: z.strictObject({ by }),
} as const satisfies Partial<Record<MessageName, z.ZodType>>;

const healSchema = z.strictObject({
  object: line('Kind and name, such as deploy/web.'),
  namespace: line('Its namespace.').default('default'),
  symptom: line('What is wrong. Left out: what the runbooks see.').optional(),
  by,
});

/** `/api/v1/procedures` and `/api/v1/heal`: what the CLI can do with procedures. */
export const proceduresApi: RouteGroup = {
  access: 'token',
  add(app, { session }) {
    app.get(
      '/api/v1/procedures',
      {
        schema: {
          ...shared,
          summary: 'Procedures, newest first',
          querystring: listQuery,
          response: { 200: z.object({ items: z.array(itemSchema) }) },
        },
      },
      async ({ query }) => {
        const items = await listProcedures(session, query);
        return { items: items.map((item) => ({ ...item })) };
      },
    );
    app.get(
      '/api/v1/procedures/:id',
      {
        schema: {
          ...shared,
          summary: 'Everything about one procedure',
          params: idSchema,
          querystring: z.strictObject({ run: z.string().optional().describe('An earlier run.') }),
          response: { 200: itemSchema },
        },
      },
      async ({ params, query }) => ({
        ...(await describeProcedure(session, params.id, query.run)),
      }),
    );
    for (const name of Object.keys(messages) as (keyof typeof messages)[]) {
      addMessage(app, name, (id, payload) => sendMessage(session, id, name, payload));
    }
    app.post(
      '/api/v1/heal',
      {
        schema: {
          ...shared,
          summary: 'Asks for the healing of one object',
          body: healSchema,
          response: { 202: z.looseObject({ workflowId: z.string(), joined: z.boolean() }) },
        },
      },
      async ({ body }, reply) => {
        const incident = await checkRequest(session, { ...body, settings: {} });
        return reply.code(202).send({ ...(await startHealing(session, incident)) });
      },
    );
  },
};

type Payload = Record<string, string | undefined>;

function addMessage(
  app: Gateway,
  name: keyof typeof messages,
  send: (id: string, payload: Payload) => Promise<{ id: string; runId: string }>,
): void {
  app.post(
    `/api/v1/procedures/:id/${name}`,
    {
      schema: {
        ...shared,
        summary: `Sends ${name}; answered once the procedure has taken it`,
        params: idSchema,
        body: messages[name],
        response: { 200: z.object({ id: z.string(), runId: z.string() }) },
      },
    },
    ({ params, body }) => send(params.id, body as Payload),
  );
}
