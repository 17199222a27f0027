import { createServer } from 'node:net';
import { makeTelemetryFilterString, Runtime } from '@temporalio/worker';
import { type Logger, temporalLogger } from '../service/log';

/** The text of the SDK's own metrics. */
export type ReadMetrics = () => Promise<string>;

let installed: Promise<ReadMetrics> | undefined;

/**
 * Installs Temporal's runtime once per process: its log goes to ours, and its metrics to a port
 * of this machine that only this process reads.
 */
export function installRuntime(log: Logger): Promise<ReadMetrics> {
  installed ??= install(log);
  return installed;
}

async function install(log: Logger): Promise<ReadMetrics> {
  const address = `127.0.0.1:${await freePort()}`;
  Runtime.install({
    logger: temporalLogger(log),
    // Signals are ours to handle: a worker without them would end twice.
    shutdownSignals: [],
    telemetryOptions: {
      logging: { filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }), forward: {} },
      metrics: {
        prometheus: {
          bindAddress: address,
          countersTotalSuffix: true,
          useSecondsForDurations: true,
        },
      },
    },
  });
  return async () => {
    const response = await fetch(`http://${address}/metrics`, {
      signal: AbortSignal.timeout(1_000),
    });
    return response.text();
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
