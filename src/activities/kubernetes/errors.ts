import type { IncomingHttpHeaders } from 'node:http';
import { ApplicationFailure, CancelledFailure, TemporalFailure } from '@temporalio/common';
import { HomeostatError, messageOf } from '../../model/errors';
import { formatTarget, type Target } from '../../model/target';
import { ofHomeostatError } from '../failure';

/** The parts of the API's `Status` object that are looked at. */
export interface Status {
  message?: string;
  reason?: string;
  details?: { retryAfterSeconds?: number; causes?: { message?: string }[] };
}

/** The API server answered, and did not do it. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly retryAfterMs: number | undefined;
  /** What the API server tells beyond its message, such as the budget that forbids an eviction. */
  readonly causes: readonly string[];

  constructor(
    what: string,
    readonly code: number,
    status: Status,
    headers: IncomingHttpHeaders = {},
  ) {
    super(`${what}: ${code} ${status.message ?? status.reason ?? ''}`.trim());
    this.causes = (status.details?.causes ?? []).flatMap(({ message }) => message ?? []);
    const seconds = Number(headers['retry-after'] ?? status.details?.retryAfterSeconds);
    this.retryAfterMs = seconds > 0 ? seconds * 1_000 : undefined;
  }
}

/** The API server did not answer. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered';

  constructor(what: string, cause: unknown) {
    super(`${what}: ${messageOf(cause)}`, { cause });
  }
}

export function isUnanswered(error: unknown): boolean {
  return error instanceof Unanswered;
}

/** What is right about the code 404: the object is not there. */
export function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.code === 404;
}

/** The object is not as the request took it to be: changed meanwhile, or a failed `test` of a patch. */
export function isConflict(error: unknown): boolean {
  return error instanceof ApiError && (error.code === 409 || error.code === 422);
}

/** The resource version is too old to go on from. */
export function isExpired(error: unknown): boolean {
  return error instanceof ApiError && error.code === 410;
}

/** The result of a request, or undefined where the object is not there. */
export async function orAbsent<T>(request: Promise<T>): Promise<T | undefined> {
  try {
    return await request;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Refuses for good, in one sentence that says what is wrong and what would mend it. */
export function refuse(message: string): ApplicationFailure {
  return ApplicationFailure.nonRetryable(message, 'refused');
}

/** Fails this attempt; the next may go well. */
export function later(message: string): ApplicationFailure {
  return ApplicationFailure.retryable(message, 'not-yet');
}

const mends: Record<number, string> = {
  400: 'the request is wrong; report this as a bug with the versions of Homeostat and Kubernetes',
  401: "renew the worker's credentials (its service account token or kubeconfig)",
  403: 'give the service account the rights of deploy/rbac, or see which admission policy forbids it',
  404: 'see whether it was deleted or renamed meanwhile',
  405: 'the API server does not serve this; compare its version with the supported ones',
  422: 'the API server finds the object invalid; see its message',
};

/** Any error as Temporal should treat it: retried where another attempt may go well, final otherwise. */
export function toFailure(error: unknown, doing: string, target: Target): unknown {
  if (error instanceof TemporalFailure || error instanceof CancelledFailure) return error;
  const what = `${doing} ${formatTarget(target)} on ${target.cluster}: ${messageOf(error)}`;
  if (error instanceof HomeostatError) return ofHomeostatError(error, what);
  if (error instanceof ApiError) return ofAnswer(error, what);
  const type = error instanceof Unanswered ? 'unreachable' : 'failed';
  return ApplicationFailure.retryable(what, type);
}

function ofAnswer(error: ApiError, what: string): ApplicationFailure {
  const mend = mends[error.code];
  return ApplicationFailure.create({
    message: mend ? `${what}: ${mend}` : what,
    type: mend ? 'refused' : 'unavailable',
    nonRetryable: mend !== undefined,
    nextRetryDelay: error.retryAfterMs,
  });
}
