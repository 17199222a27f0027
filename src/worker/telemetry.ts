import { createServer } from 'node:net';
import { makeTelemetryFilterString, Runtime } from '@temporalio/worker';
import { type Logger, temporalLogger } from '../service/log';

/** Where this process' runtime serves its metrics. */
let address: string | undefined;

/**
 * Installs Temporal's runtime: its log goes to ours, and its metrics to a port of this machine that
 * only this process reads. The runtime ends with its last connection, or with a connection that
 * failed, so it is installed before each attempt.
 */
export async function installRuntime(log: Logger): Promise<void> {
  const bindAddress = `127.0.0.1:${await freePort()}`;
  Runtime.install({
    logger: temporalLogger(log),
    // Signals are ours to handle: the worker would begin to end without a word.
    shutdownSignals: [],
    telemetryOptions: {
      logging: { filter: makeTelemetryFilterString({ core: 'WARN', other: 'ERROR' }), forward: {} },
      metrics: {
        prometheus: { bindAddress, countersTotalSuffix: true, useSecondsForDurations: true },
      },
    },
  });
  address = bindAddress;
}

/** The SDK's own metrics as text; empty while no runtime serves them. */
export async function readSdkMetrics(): Promise<string> {
  if (!address) return '';
  try {
    const response = await fetch(`http://${address}/metrics`, {
      signal: AbortSignal.timeout(1_000),
    });
    return await response.text();
  } catch {
    return '';
  }
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
