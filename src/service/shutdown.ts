import { formatDuration } from '../model/duration';
import type { Logger } from './log';

/** Tells when the process is asked to end. */
export interface Shutdown {
  /** Aborted by the first SIGTERM or SIGINT. */
  signal: AbortSignal;
  /** Stops listening; the process then ends as it likes. */
  dispose(): void;
}

const signals = ['SIGTERM', 'SIGINT'] as const;

/** Ends gracefully on the first signal; on a second, or once the grace is over, at once with exit code 1. */
export function listenForShutdown(log: Logger, graceMs: number): Shutdown {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const force = (why: string) => {
    log.error(`${why}: ending at once`);
    process.exit(1);
  };
  const onSignal = (signal: string) => {
    if (controller.signal.aborted) force(`second signal (${signal})`);
    const grace = formatDuration(graceMs);
    log.info({ signal }, `ending gracefully within ${grace}; a second signal ends at once`);
    timer = setTimeout(() => force(`not done within ${grace}`), graceMs).unref();
    controller.abort();
  };
  for (const signal of signals) process.on(signal, onSignal);
  return {
    signal: controller.signal,
    dispose() {
      clearTimeout(timer);
      for (const signal of signals) process.off(signal, onSignal);
    },
  };
}
