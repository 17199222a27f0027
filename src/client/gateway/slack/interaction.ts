import { z } from 'zod';
import { badInput, messageOf } from '../../../model/errors';
import { type Press, parseButton } from '../../../model/slack/press';

/** What Slack sends when somebody presses a button; it may send more. */
const interactionSchema = z.object({
  type: z.literal('block_actions'),
  user: z.object({ id: z.string().min(1) }),
  actions: z
    .array(z.object({ action_id: z.enum(['approve', 'deny']), value: z.string().max(2_000) }))
    .length(1),
  response_url: z.string().optional(),
});

/** A press, and where its answer goes. */
export interface Interaction {
  press: Press;
  responseUrl?: string;
}

/**
 * Reads the body of a request that is known to come from Slack.
 * @throws HomeostatError `bad-input` that names what is wrong.
 */
export function readInteraction(body: string): Interaction {
  const payload = new URLSearchParams(body).get('payload');
  if (payload === null) throw badInput('payload missing', 'send a form with the field "payload"');
  const parsed = interactionSchema.safeParse(parseJson(payload));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw badInput(`payload.${issue!.path.join('.')}`, issue!.message);
  }
  const { user, actions, response_url: responseUrl } = parsed.data;
  const [action] = actions;
  const button = parseButton(action!.value);
  if (!button) throw badInput('payload.actions.0.value', 'press a button that Homeostat posted');
  return { press: { ...button, action: action!.action_id, userId: user.id }, responseUrl };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badInput('payload', `send valid JSON (${messageOf(error)})`);
  }
}
