import { randomUUID } from 'node:crypto';
import { temporal } from '@temporalio/proto';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { type InjectedSinks, Worker, type WorkerOptions } from '@temporalio/worker';
import type { ProcedureSinks } from '../../src/workflows/procedure/sinks';
import { searchAttributes } from '../../src/workflows/search-attributes';
import { quietRuntime } from './runtime';
import type { TestServer } from './test-server';
import { workflowBundle } from './workflow-bundle';

/** `describe` for tests on the time-skipping server; skipped, with the reason, where it cannot be had. */
export function describeWorkflow(name: string, tests: () => void): void {
  const server = testServer();
  if (server.kind === 'none') describe.skip(`${name} (skipped: ${server.reason})`, tests);
  else describe(name, tests);
}

/** Starts a server whose clock jumps over waiting, with Homeostat's search attributes. End it with `teardown()`. */
export async function startTimeSkipping(): Promise<TestWorkflowEnvironment> {
  const server = testServer();
  if (server.kind === 'none') throw new Error(server.reason);
  quietRuntime();
  const options =
    server.kind === 'sdk'
      ? {}
      : { server: { executable: { type: 'existing-path' as const, path: server.path } } };
  const env = await patiently(() => TestWorkflowEnvironment.createTimeSkipping(options));
  await knowSearchAttributes(env);
  return env;
}

/** The SDK gives a server five seconds to start, which a busy machine may not keep. */
async function patiently<T>(start: () => Promise<T>, attempts = 6): Promise<T> {
  try {
    return await start();
  } catch (error) {
    if (attempts <= 1) throw error;
    return patiently(start, attempts - 1);
  }
}

/** The time-skipping server adds search attributes, but cannot list them as the product's registration does first. */
async function knowSearchAttributes({ connection, namespace }: TestWorkflowEnvironment) {
  const names = Object.values(searchAttributes).map(({ name }) => name);
  await connection.operatorService.addSearchAttributes({
    namespace: namespace ?? 'default',
    searchAttributes: Object.fromEntries(names.map((name) => [name, keyword])),
  });
}

const keyword = temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD;

/** What a test's worker is given; everything else is made for it. */
export interface TestWorkerOptions {
  activities: object;
  sinks?: InjectedSinks<ProcedureSinks>;
  /** A queue of its own by default, so that tests beside each other never meet. */
  taskQueue?: string;
  /** A file of workflows other than the product's, such as one that tries the kernel alone. */
  workflowsPath?: string;
  worker?: Partial<WorkerOptions>;
}

/** Runs `test` while a worker with all workflows serves `taskQueue`, and ends the worker after it. */
export async function runWithWorker<T>(
  env: TestWorkflowEnvironment,
  options: TestWorkerOptions,
  test: (context: { taskQueue: string; worker: Worker }) => Promise<T>,
): Promise<T> {
  const taskQueue = options.taskQueue ?? `test-${randomUUID()}`;
  const worker = await Worker.create({
    connection: env.nativeConnection,
    namespace: env.namespace,
    taskQueue,
    workflowBundle: await workflowBundle(options.workflowsPath),
    activities: options.activities,
    sinks: options.sinks ?? silentSinks,
    ...cacheSize(),
    ...options.worker,
  });
  return worker.runUntil(test({ taskQueue, worker }));
}

const ignore = { fn: () => undefined };

const silentSinks: InjectedSinks<ProcedureSinks> = {
  metrics: {
    procedureStarted: ignore,
    procedureCompleted: ignore,
    stepCompleted: ignore,
    blocked: ignore,
    unblocked: ignore,
  },
};

/** `HOMEOSTAT_TEST_CACHED_WORKFLOWS=0` replays the history at every task, which finds what is not deterministic. */
function cacheSize(): Pick<WorkerOptions, 'maxCachedWorkflows'> {
  const size = process.env.HOMEOSTAT_TEST_CACHED_WORKFLOWS;
  return size ? { maxCachedWorkflows: Number(size) } : {};
}

function testServer(): TestServer {
  const answer = process.env.HOMEOSTAT_TEST_SERVER;
  if (!answer) throw new Error('run the workflow tests with `npm test -- workflow`');
  return JSON.parse(answer) as TestServer;
}
