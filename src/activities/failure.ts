import { ApplicationFailure } from '@temporalio/common';
import { type HomeostatError, SystemAway } from '../model/errors';

/**
 * An error of ours as Temporal should treat it: what does not answer is asked again, unless it was just found
 * to be away; what is wrong stays so.
 */
export function ofHomeostatError(error: HomeostatError, message = error.message) {
  const nonRetryable = error.code !== 'unreachable' || error instanceof SystemAway;
  return ApplicationFailure.create({ message, type: error.code, nonRetryable });
}
