import { TestWorkflowEnvironment } from '@temporalio/testing';
import { findTemporal } from '../../src/client/platform/temporal-server';
import { searchAttributes } from '../../src/workflows/search-attributes';
import { quietRuntime } from './runtime';

/**
 * Starts a real Temporal server of the test's own, for what the time-skipping server does not know
 * (visibility queries, schedules). `dbFilename` keeps its state. End it with `teardown()`.
 */
export async function startDevServer(
  dbFilename?: string,
  extraArgs: string[] = [],
): Promise<TestWorkflowEnvironment> {
  const path = await findTemporal((step) => process.stderr.write(`homeostat: ${step}\n`));
  quietRuntime();
  return TestWorkflowEnvironment.createLocal({
    server: {
      executable: { type: 'existing-path', path },
      dbFilename,
      searchAttributes: Object.values(searchAttributes),
      extraArgs: [...fastSettings, ...extraArgs],
    },
  });
}

/** By default the server looks for work only 20 times a second, which tests would spend their time on. */
const fastSettings = [
  ...['--dynamic-config-value', 'history.transferProcessorMaxPollRPS=1000'],
  ...['--dynamic-config-value', 'history.timerProcessorMaxPollRPS=1000'],
];
