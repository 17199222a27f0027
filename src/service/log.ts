import { format } from 'node:util';
import type { LogLevel, Logger as TemporalLogger } from '@temporalio/common';
import pino, { type Logger } from 'pino';

export type { Logger } from 'pino';

/** JSON lines on stderr; stdout belongs to results. */
export function createLogger(part: string, level: string): Logger {
  return pino(
    {
      level,
      base: { part },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: pino.stdSerializers.err },
    },
    // Written at once, so that nothing is lost when the process is ended.
    pino.destination({ fd: 2, sync: true }),
  );
}

type Meta = Record<string | symbol, unknown>;

/** Temporal's own log, with the ids of the procedure and of its step in each line. */
export function temporalLogger(log: Logger): TemporalLogger {
  const write = (level: LogLevel, message: string, meta: Meta = {}) => {
    log[pinoLevels[level]](fieldsOf(meta), message);
  };
  return {
    log: write,
    trace: (message, meta) => write('TRACE', message, meta),
    debug: (message, meta) => write('DEBUG', message, meta),
    info: (message, meta) => write('INFO', message, meta),
    warn: (message, meta) => write('WARN', message, meta),
    error: (message, meta) => write('ERROR', message, meta),
  };
}

const pinoLevels = {
  TRACE: 'trace',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERROR: 'error',
} as const;

function fieldsOf(meta: Meta): Record<string, unknown> {
  const { workflowId, runId, activityId, activityType, attempt, error } = meta;
  return {
    procedure: workflowId,
    run: runId,
    step: activityId === undefined ? undefined : format('%s/%s', activityId, activityType),
    attempt,
    error,
  };
}
