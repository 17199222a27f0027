import type { IncomingHttpHeaders } from 'node:http';
// Not the whole of Bolt, which would bring a web server and 30 MB into the gateway.
import { isValidSlackRequest } from '@slack/bolt/dist/receivers/verify-request';
import { LRUCache } from 'lru-cache';

/** What a request's signature says of it. */
export type Genuineness = 'genuine' | 'unsigned' | 'stale' | 'replayed';

/** Slack's own: a request is good for so long. */
const toleranceMs = 5 * 60_000;

/** Clocks may differ in both directions, so a signature is good for twice as long at most. */
const rememberedMs = 2 * toleranceMs;
const mostRemembered = 10_000;

/**
 * Checks that requests come from Slack, are fresh, and come once. The memory for replays is this
 * process' own: to replicas of the gateway a replay is harmless, since an approval is bound to its plan.
 */
export function createSignatureCheck(
  signingSecret: string,
): (headers: IncomingHttpHeaders, body: string) => Genuineness {
  const seen = new LRUCache<string, true>({ max: mostRemembered, ttl: rememberedMs });
  return (headers, body) => {
    const signature = headers['x-slack-signature'];
    const timestamp = Number(headers['x-slack-request-timestamp']);
    if (typeof signature !== 'string' || !Number.isSafeInteger(timestamp)) return 'unsigned';
    const signed = {
      'x-slack-signature': signature,
      'x-slack-request-timestamp': timestamp,
    };
    if (Math.abs(Date.now() - timestamp * 1_000) > toleranceMs) return 'stale';
    if (!isValidSlackRequest({ signingSecret, body, headers: signed })) return 'unsigned';
    if (seen.has(signature)) return 'replayed';
    seen.set(signature, true);
    return 'genuine';
  };
}
