import { DefaultLogger, Runtime } from '@temporalio/worker';

let runtimeInstalled = false;

/** Expected failures would otherwise fill the tests' output; HOMEOSTAT_TEST_LOG=INFO brings everything back. */
export function quietRuntime(): void {
  if (runtimeInstalled) return;
  runtimeInstalled = true;
  const level = (process.env.HOMEOSTAT_TEST_LOG ?? 'ERROR') as 'ERROR';
  Runtime.install({
    logger: new DefaultLogger(level),
    telemetryOptions: { logging: { filter: { core: level, other: level } } },
  });
}
