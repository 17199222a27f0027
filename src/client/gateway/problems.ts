import { isGrpcServiceError, ServiceError } from '@temporalio/client';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { type ErrorCode, HomeostatError } from '../../model/errors';
import type { Logger } from '../../service/log';

/** What was refused, as RFC 9457 has it. */
export interface Problem {
  title: string;
  status: number;
  /** Names the field, its value and what would mend it. */
  detail: string;
}

const statuses: Record<ErrorCode, number> = {
  'bad-input': 400,
  'not-found': 404,
  conflict: 409,
  unreachable: 503,
  failed: 500,
};

const titles: Record<number, string> = {
  400: 'Bad request',
  401: 'Unauthorized',
  404: 'Not found',
  409: 'Conflict',
  413: 'Content too large',
  415: 'Unsupported media type',
  429: 'Too many requests',
  503: 'Service unavailable',
};

/** Seconds after which it is worth while to ask again. */
export const retryAfter = '5';

/** The problem that an error means to whoever asked; what nobody foresaw is told to nobody. */
export function problemOf(error: unknown): Problem {
  if (error instanceof HomeostatError) return problem(statuses[error.code], error.message);
  if (isOfTemporal(error)) return problem(503, 'Temporal does not answer: send it again later');
  const { statusCode, message } = error as FastifyError;
  if (statusCode && statusCode < 500) return problem(statusCode, mended(error as FastifyError));
  if (statusCode === 503) return problem(503, message);
  return problem(500, 'an unexpected error; the log of the gateway has it');
}

function problem(status: number, detail: string): Problem {
  return { title: titles[status] ?? (status < 500 ? 'Refused' : 'Internal error'), status, detail };
}

/** What Temporal's client throws when a call failed, other than for what was asked. */
function isOfTemporal(error: unknown): boolean {
  return isGrpcServiceError(error) || error instanceof ServiceError;
}

/** Fastify's own refusals, with what would mend them. */
function mended({ code, message }: FastifyError): string {
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return 'the body is too large: send fewer alerts at once (max_alerts), or raise gateway.bodyLimit';
  }
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return 'send content-type: application/json';
  if (message.includes('JSON')) return `the body is no JSON: ${message}`;
  return message;
}

/** Answers with a problem, and logs what is our own fault. */
export function sendProblem(
  log: Logger,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
) {
  const answer = problemOf(error);
  if (answer.status >= 500) {
    log.warn({ error, method: request.method, url: request.routeOptions.url }, answer.detail);
  }
  if (answer.status === 503) reply.header('retry-after', retryAfter);
  return reply.code(answer.status).type('application/problem+json').send(answer);
}
