import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { messageOf } from '../../../model/errors';
import type { SlackSettings } from '../../../model/slack/settings';
import type { Logger } from '../../../service/log';
import type { Session } from '../../procedures/session';
import { type Decision, decide } from './decide';
import { type Interaction, readInteraction } from './interaction';
import { createSignatureCheck, type Genuineness } from './signature';

/** What became of a request. */
export type SlackResult = Decision['result'] | Exclude<Genuineness, 'genuine'> | 'malformed';

export interface SlackHookOptions {
  session: Session;
  settings: SlackSettings;
  signingSecret: string;
  /** Counts requests by what became of them. */
  count: (result: SlackResult) => void;
  log: Logger;
}

/** The payload repeats the message that the button stands in. */
const bodyLimit = 512 * 1024;

/** Slack shows an error unless it is answered within 3 s. */
const patienceMs = 2_500;
const answerTimeoutMs = 5_000;

/** Where Slack takes answers. */
const slackOrigin = 'https://hooks.slack.com';

const refusals = {
  unsigned: "the request is not signed with this app's signing secret",
  stale: 'the request is older than five minutes',
  replayed: 'the request was taken already',
};

/**
 * `POST /hooks/slack`: the buttons of approvals. Wants a scope of its own, whose bodies are the raw text
 * that the signature is of. The signature is the authentication: no bearer token.
 */
export function addSlackHook(app: FastifyInstance, options: SlackHookOptions): void {
  const { session, settings, signingSecret, count, log } = options;
  const genuineness = createSignatureCheck(signingSecret);
  const running = new Set<Promise<unknown>>();

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));
  app.addHook('onClose', async () => {
    await Promise.allSettled(running);
  });
  app.post('/hooks/slack', { bodyLimit }, take);

  async function take(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const body = typeof request.body === 'string' ? request.body : '';
    const signed = genuineness(request.headers, body);
    if (signed !== 'genuine') return refuse(reply, 401, signed, refusals[signed]);
    let interaction: Interaction;
    try {
      interaction = readInteraction(body);
    } catch (error) {
      return refuse(reply, 400, 'malformed', messageOf(error));
    }
    const work = carryOut(interaction);
    running.add(work);
    void work.finally(() => running.delete(work));
    const decision = await Promise.race([work, sleep(patienceMs, undefined, { ref: false })]);
    if (!decision) return { result: 'pending' };
    return reply.code(decision.result === 'unreachable' ? 503 : 200).send(decision);
  }

  function refuse(
    reply: FastifyReply,
    status: 400 | 401,
    result: SlackResult,
    detail: string,
  ): FastifyReply {
    count(result);
    const title = status === 401 ? 'Unauthorized' : 'Bad request';
    return reply.code(status).type('application/problem+json').send({ title, status, detail });
  }

  async function carryOut({ press, responseUrl }: Interaction): Promise<Decision> {
    const decision = await decide(session, settings, press);
    count(decision.result);
    const { workflowId: procedure, action, userId } = press;
    log.info(
      { procedure, action, userId, result: decision.result },
      'a button was pressed in Slack',
    );
    await answer(decision, responseUrl);
    return decision;
  }

  /** Tells the person, and nobody else; that this fails changes nothing. */
  async function answer({ text }: Decision, url: string | undefined): Promise<void> {
    if (!url || !isSlack(url)) return;
    try {
      await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ text, response_type: 'ephemeral', replace_original: false }),
        redirect: 'error',
        signal: AbortSignal.timeout(answerTimeoutMs),
      });
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'Slack did not take the answer to a button');
    }
  }

  function isSlack(url: string): boolean {
    const origin = URL.canParse(url) ? new URL(url).origin : '';
    return origin === slackOrigin || origin === new URL(session.config.slack.apiUrl).origin;
  }
}
