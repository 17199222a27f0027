import {
  WebAPIHTTPError,
  WebAPIPlatformError,
  WebAPIRateLimitedError,
  WebAPIRequestError,
} from '@slack/web-api';
import { ApplicationFailure } from '@temporalio/common';
import { messageOf } from '../../model/errors';

/** What Slack will never take, however often it is tried. */
const hopeless = [
  'invalid_arguments',
  'invalid_blocks',
  'invalid_blocks_format',
  'invalid_metadata_format',
  'invalid_metadata_schema',
  'metadata_too_large',
  'metadata_must_be_sent_from_app',
  'msg_blocks_too_long',
  'msg_too_long',
  'no_text',
];

/** Whether an error says that Slack is away; an answer that refuses does not. */
export function isSlackAway(error: unknown): boolean {
  return error instanceof WebAPIRequestError || error instanceof WebAPIHTTPError;
}

/** What a failed call means: wait as long as Slack says, give up, or try again as Temporal does. */
export function toFailure(error: unknown): unknown {
  if (error instanceof WebAPIRateLimitedError) {
    return ApplicationFailure.create({
      type: 'slack-rate-limited',
      message: `Slack asks to wait ${error.retryAfter} s`,
      nextRetryDelay: `${error.retryAfter} s`,
    });
  }
  if (error instanceof WebAPIPlatformError) {
    const { error: reason, response_metadata: more } = error.data;
    const message = [`Slack refused it: ${reason}`, ...(more?.messages ?? [])].join('; ');
    return ApplicationFailure.create({
      type: 'slack-refused',
      message: message.slice(0, 1_000),
      nonRetryable: hopeless.includes(reason),
    });
  }
  return ApplicationFailure.create({ type: 'slack-away', message: messageOf(error).slice(0, 500) });
}
