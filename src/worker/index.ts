import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeConfig } from '@kubernetes/client-node';
import { NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import type { Registry } from 'prom-client';
import { createKubernetesActivities, isUnanswered } from '../activities/kubernetes';
import { createPrometheusActivities, createPrometheusClient } from '../activities/prometheus';
import { createSlackActivities, isSlackAway } from '../activities/slack';
import { createGovernorActivities, createNotifierActivities } from '../activities/temporal';
import {
  type Config,
  changeSettings,
  detectionSettings,
  governorPolicy,
  nodeLabels,
  slackSettings,
} from '../model/config';
import { formatDuration } from '../model/duration';
import { HomeostatError, messageOf } from '../model/errors';
import { createArtifactStore } from '../service/artifacts';
import { type Breakers, createBreakers } from '../service/breaker';
import { kubernetesAnswers, temporalAnswers } from '../service/checks';
import { createReadiness } from '../service/health';
import { loadKubeConfig } from '../service/kubeconfig';
import { createLogger, type Logger } from '../service/log';
import { saveMemory } from '../service/memory';
import { createRegistry } from '../service/registry';
import { readSecret, secretVariable } from '../service/secrets';
import { startServer } from '../service/server';
import { listenForShutdown } from '../service/shutdown';
import {
  isRunning,
  lazyTemporal,
  registerSearchAttributes,
  type Temporal,
  toHomeostatError,
} from '../service/temporal';
import { heartbeatInterceptor } from './heartbeat';
import { createProcedureSinks } from './metrics';
import { startRetention } from './retention';
import { installRuntime, readSdkMetrics } from './telemetry';

/** Configuration with all places resolved. */
export type WorkerConfig = Config & { artifacts: { directory: string } };

/** What may be added to the worker, for tests: activity interceptors run innermost. */
export type WorkerExtras = Pick<
  Partial<WorkerOptions>,
  'interceptors' | 'maxCachedWorkflows' | 'identity'
>;

/** Compiled once by the build; the same path from `src/` and from `dist/`. */
const bundle = path.resolve(__dirname, '..', '..', 'dist', 'workflow-bundle.js');

/** How long a start waits for Temporal before it gives up. */
const patienceMs = 60_000;
const retryMs = 500;
const callTimeoutMs = 5_000;

/** The share of the grace that running activities have before they are cancelled; the rest is for noticing it. */
const undisturbed = 0.3;

/** Short, since every healing waits for the API server. */
const apiRestMs = 1_000;

/** What a worker is made of. */
export interface WorkerParts {
  config: WorkerConfig;
  log: Logger;
  registry: Registry;
  kubeConfig: KubeConfig;
  temporal: Temporal;
  extra?: WorkerExtras;
}

/**
 * Runs a worker until SIGTERM: it waits for Temporal first, and serves its health meanwhile.
 * @throws HomeostatError `unreachable` when Temporal does not answer within a minute.
 */
export async function runWorker(config: WorkerConfig, extra?: WorkerExtras): Promise<void> {
  saveMemory();
  const log = createLogger('worker', config.log.level);
  const shutdown = listenForShutdown(log, config.worker.shutdownGrace);
  const registry = createRegistry();
  const kubeConfig = loadKubeConfig(config);
  const temporal = lazyTemporal(config);
  const parts: WorkerParts = { config, log, registry, kubeConfig, temporal, extra };
  let worker: Worker | undefined;
  let connection: NativeConnection | undefined;
  const server = await startServer({
    listen: config.worker.listen,
    key: 'worker.listen',
    readiness: createReadiness({
      temporal: temporalAnswers(temporal),
      kubernetes: kubernetesAnswers(kubeConfig),
      worker: () => mustRun(worker),
    }),
    registry,
    extraMetrics: readSdkMetrics,
  });
  try {
    connection = await reachTemporal(parts, shutdown.signal);
    if (connection) {
      worker = await createWorker(parts, connection);
      const endRetention = startRetention(config.artifacts, log);
      await runUntil(shutdown.signal, worker, log).finally(endRetention);
    }
  } finally {
    await server.close();
    await connection?.close();
    await temporal.connection.close();
    shutdown.dispose();
  }
  log.info('ended');
}

/** The composition root: which activities, sinks and interceptors a worker has. */
export function createWorker(parts: WorkerParts, connection: NativeConnection): Promise<Worker> {
  const { config, registry, kubeConfig, temporal, extra } = parts;
  const breakers = createBreakers(registry);
  const artifacts = createArtifactStore(config.artifacts, breakers);
  return Worker.create({
    connection,
    namespace: temporal.namespace,
    taskQueue: config.temporal.taskQueue,
    workflowBundle: { codePath: bundle },
    activities: {
      ...createKubernetesActivities({
        kubeConfig,
        breaker: breakers('kubernetes', { restMs: apiRestMs, isAway: isUnanswered }),
        artifacts,
        clusterName: config.cluster.name,
        protectedNamespaces: config.healing.protectedNamespaces,
        detection: detectionSettings(config),
        changes: changeSettings(config),
        nodeLabels: nodeLabels(config),
        isRunning: (workflowId) => isRunning(temporal, workflowId),
      }),
      ...createPrometheusActivities({
        prometheus: prometheusOf(config, breakers),
        artifacts,
        lookbackMs: config.prometheus.lookback,
      }),
      ...governorActivities(parts),
      ...notifierActivities(parts, breakers),
    },
    sinks: createProcedureSinks(registry),
    shutdownGraceTime: config.worker.shutdownGrace * undisturbed,
    stickyQueueScheduleToStartTimeout: config.worker.stickyTimeout,
    maxCachedWorkflows: config.worker.maxCachedWorkflows,
    ...extra,
    interceptors: {
      ...extra?.interceptors,
      activity: [heartbeatInterceptor, ...(extra?.interceptors?.activity ?? [])],
    },
  });
}

function prometheusOf({ prometheus }: WorkerConfig, breakers: Breakers) {
  const { url, tokenFile } = prometheus;
  if (!url) return undefined;
  const token = process.env.PROMETHEUS_TOKEN;
  return createPrometheusClient({ url, token, tokenFile }, breakers('prometheus'));
}

function governorActivities({ config, temporal }: WorkerParts) {
  return createGovernorActivities({
    client: temporal.client,
    taskQueue: config.temporal.taskQueue,
    policy: governorPolicy(config),
  });
}

/** Without a channel there is nobody to tell, and no notifier that would ask for it. */
function notifierActivities({ config, temporal }: WorkerParts, breakers: Breakers) {
  const settings = slackSettings(config);
  if (!settings) return {};
  const { apiUrl, tokenFile, reportUrl } = config.slack;
  return {
    ...createNotifierActivities({ client: temporal.client, taskQueue: config.temporal.taskQueue }),
    ...createSlackActivities({
      temporal: temporal.client,
      token: readSecret(secretVariable.slackToken, { key: 'slack.tokenFile', file: tokenFile }),
      apiUrl,
      settings,
      breaker: breakers('slack', { isAway: isSlackAway }),
      links: { namespace: temporal.namespace, temporalUi: config.temporal.ui, report: reportUrl },
    }),
  };
}

/**
 * Waits for Temporal rather than to crash and be started again, and prepares it for procedures.
 * Undefined when the process is told to end meanwhile.
 */
async function reachTemporal(
  parts: WorkerParts,
  stop: AbortSignal,
): Promise<NativeConnection | undefined> {
  const { log, temporal } = parts;
  const giveUpAt = Date.now() + patienceMs;
  while (!stop.aborted) {
    try {
      await prepareTemporal(parts);
      await installRuntime(log);
      return await NativeConnection.connect(temporal.options);
    } catch (error) {
      if (error instanceof HomeostatError && error.code === 'bad-input') throw error;
      if (Date.now() > giveUpAt) throw toHomeostatError(error, temporal);
      const left = formatDuration(giveUpAt - Date.now());
      log.warn(
        { address: temporal.address, error: messageOf(error) },
        `Temporal is unreachable; trying ${left} more`,
      );
      await sleep(retryMs, undefined, { signal: stop }).catch(() => undefined);
    }
  }
  return undefined;
}

async function prepareTemporal(parts: WorkerParts): Promise<void> {
  const { config, log, temporal } = parts;
  const { added, missing } = await registerSearchAttributes(temporal);
  if (added.length > 0) log.info({ added }, 'registered search attributes');
  if (missing) log.warn(`search attributes cannot be registered here: ${missing}`);
  await temporal.connection.withDeadline(Date.now() + callTimeoutMs, () =>
    governorActivities(parts).ensureGovernor({ cluster: config.cluster.name }),
  );
}

async function runUntil(stop: AbortSignal, worker: Worker, log: Logger): Promise<void> {
  if (stop.aborted) return;
  stop.addEventListener('abort', () => worker.shutdown());
  log.info('working');
  await worker.run();
}

function mustRun(worker: Worker | undefined): void {
  const state = worker?.getState() ?? 'waiting for Temporal';
  if (state !== 'RUNNING') throw new Error(`the worker is ${state}`);
}
