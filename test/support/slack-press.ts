import { createHmac, randomUUID } from 'node:crypto';

/** A button press as Slack would send it: the body and its headers. */
export function signedPress({
  secret,
  action = 'approve',
  userId,
  value,
  responseUrl,
  at = Date.now(),
}: {
  secret: string;
  action?: string;
  userId: string;
  value: string;
  responseUrl?: string;
  at?: number;
}) {
  const payload = {
    type: 'block_actions',
    user: { id: userId, username: 'someone', team_id: 'T1' },
    api_app_id: 'A1',
    trigger_id: randomUUID(),
    container: { type: 'message', message_ts: '1.1', channel_id: 'C123' },
    actions: [{ type: 'button', action_id: action, block_id: 'b', value, action_ts: '1.2' }],
    ...(responseUrl && { response_url: responseUrl }),
  };
  const body = new URLSearchParams({ payload: JSON.stringify(payload) }).toString();
  return { body, headers: headersFor(secret, body, at) };
}

/** Slack's signature of a body. */
export function headersFor(secret: string, body: string, at = Date.now()) {
  const timestamp = Math.floor(at / 1_000);
  const hash = createHmac('sha256', secret).update(`v0:${timestamp}:${body}`).digest('hex');
  return {
    'content-type': 'application/x-www-form-urlencoded',
    'x-slack-request-timestamp': String(timestamp),
    'x-slack-signature': `v0=${hash}`,
  };
}
