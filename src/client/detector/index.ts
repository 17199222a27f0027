import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CoreV1Event, KubeConfig } from '@kubernetes/client-node';
import type { Breaker } from '../../model/breaker';
import { type Config, detectionSettings } from '../../model/config';
import { messageOf } from '../../model/errors';
import { createBreakers } from '../../service/breaker';
import { kubernetesAnswers, temporalAnswers } from '../../service/checks';
import { createReadiness } from '../../service/health';
import { loadKubeConfig } from '../../service/kubeconfig';
import { getJson } from '../../service/kubernetes';
import { createLogger, type Logger } from '../../service/log';
import { saveMemory } from '../../service/memory';
import { createRegistry } from '../../service/registry';
import { startServer } from '../../service/server';
import { listenForShutdown } from '../../service/shutdown';
import {
  isTemporalAway,
  lazyTemporal,
  registerSearchAttributes,
  type Temporal,
} from '../../service/temporal';
import { runbooks } from '../../workflows/healing/runbooks';
import { openIncidents, type Report, tell } from '../incidents';
import { Cache } from './cache';
import { Detector } from './detector';
import { Marker } from './marker';
import { createDetectorMetrics, type DetectorMetrics } from './metrics';
import { Reporter } from './reporter';
import { type Resource, resources } from './resources';
import { Tracker } from './tracker';
import { Watcher } from './watcher';

const graceMs = 5_000;
const seedAgainMs = 2_000;
const eventsTimeoutMs = 5_000;
const mostEvents = 1_000;

/** Watches the cluster until SIGTERM, and has the workflow `heal` run for every fault it finds. */
export async function runDetector(config: Config): Promise<void> {
  saveMemory();
  const log = createLogger('detector', config.log.level);
  const shutdown = listenForShutdown(log, graceMs);
  const kubeConfig = loadKubeConfig(config);
  const temporal = lazyTemporal(config);
  const registry = createRegistry();
  const breaker = createBreakers(registry)('temporal', { restMs: 1_000, isAway: isTemporalAway });
  const cache = new Cache();
  const metrics = createDetectorMetrics(registry, {
    objects: (kind) => cache.count(kind),
    pending: () => reporter.waiting,
  });
  const reporter = new Reporter({
    send: createSender(config, temporal, breaker, log),
    onResult: (result) => metrics.reports.inc({ result }),
    log,
  });
  const detector = new Detector({
    cluster: config.cluster.name,
    runbooks,
    settings: detectionSettings(config),
    soakMs: config.healing.soak,
    cache,
    tracker: new Tracker(),
    reporter,
    marker: new Marker(kubeConfig, metrics, log),
    metrics,
  });
  let watches: Watches | undefined;
  const server = await startServer({
    listen: config.detector.listen,
    key: 'detector.listen',
    readiness: createReadiness({
      temporal: temporalAnswers(temporal),
      kubernetes: kubernetesAnswers(kubeConfig),
      watches: () => mustWatch(watches),
    }),
    registry,
  });
  watches = watchAll({ config, kubeConfig, detector, metrics, log, signal: shutdown.signal });
  void watches.synced.then(async () => {
    log.info({ objects: cache.size }, 'watching');
    detector.recall(await nodeLosses(kubeConfig, shutdown.signal, log));
    detector.start();
    return seed(config, temporal, detector, shutdown.signal, log);
  });
  if (!shutdown.signal.aborted) await once(shutdown.signal, 'abort');
  detector.stop();
  reporter.close();
  await Promise.all([server.close(), temporal.connection.close(), watches.ended]);
  shutdown.dispose();
  log.info(
    { untold: reporter.waiting },
    'ended; what Temporal was not told is found again at the next start',
  );
}

function mustWatch(watches: Watches | undefined): void {
  if (!watches) throw new Error('not watching yet');
  watches.mustBeConnected();
}

/** Sends reports, and registers the search attributes that they need, again after each failure. */
function createSender(config: Config, temporal: Temporal, breaker: Breaker, log: Logger) {
  let registered: Promise<void> | undefined;
  return async (report: Report): Promise<void> => {
    try {
      await breaker(async () => {
        registered ??= register(temporal, log);
        await registered;
        await tell(temporal, config, report);
      });
    } catch (error) {
      registered = undefined;
      throw error;
    }
    const { workflowId, observation } = report;
    log.info(
      { procedure: workflowId, object: observation.object, state: observation.state },
      observation.message,
    );
  };
}

async function register(temporal: Temporal, log: Logger): Promise<void> {
  const { missing } = await registerSearchAttributes(temporal);
  if (missing) log.warn(`search attributes cannot be registered here: ${missing}`);
}

/** Takes over the healings that run already, so that a recovery is told though another detector saw the fault. */
async function seed(
  config: Config,
  temporal: Temporal,
  detector: Detector,
  stop: AbortSignal,
  log: Logger,
): Promise<void> {
  const { namespaces } = config.detector;
  while (!stop.aborted) {
    try {
      await register(temporal, log);
      const open = await openIncidents(temporal, config.cluster.name);
      detector.seed(
        open.filter(
          ({ target }) => namespaces.length === 0 || namespaces.includes(target.namespace ?? ''),
        ),
      );
      return;
    } catch (error) {
      log.warn({ error }, 'running procedures are not known yet; asking again');
      await sleep(seedAgainMs, undefined, { signal: stop }).catch(() => undefined);
    }
  }
}

/** What the API still tells of nodes that were lost before; a detector does without where it cannot be had. */
async function nodeLosses(
  kubeConfig: KubeConfig,
  stop: AbortSignal,
  log: Logger,
): Promise<CoreV1Event[]> {
  const fieldSelector = 'involvedObject.kind=Node,reason=NodeNotReady';
  const query = new URLSearchParams({ fieldSelector, limit: String(mostEvents) });
  const within = AbortSignal.any([stop, AbortSignal.timeout(eventsTimeoutMs)]);
  try {
    const path = `/api/v1/events?${query.toString()}`;
    return (await getJson<{ items: CoreV1Event[] }>(kubeConfig, path, within)).items;
  } catch (error) {
    log.warn({ error: messageOf(error) }, 'earlier losses of nodes are not known');
    return [];
  }
}

interface WatchAllOptions {
  config: Config;
  kubeConfig: KubeConfig;
  detector: Detector;
  metrics: DetectorMetrics;
  log: Logger;
  signal: AbortSignal;
}

interface Watches {
  /** Resolves once everything was listed. */
  synced: Promise<void>;
  ended: Promise<unknown>;
  /** @throws where a watch is not open, naming its kind. */
  mustBeConnected(): void;
}

function watchAll({
  config,
  kubeConfig,
  detector,
  metrics,
  log,
  signal,
}: WatchAllOptions): Watches {
  const scopes = resources.flatMap((resource) => scopesOf(resource, config.detector.namespaces));
  const watches = scopes.map(({ resource, namespace }) => {
    const { promise: synced, resolve } = withResolvers();
    const watcher = new Watcher({
      kubeConfig,
      resource,
      namespace,
      log,
      signal,
      handlers: {
        listed(objects) {
          detector.listed(resource.kind, namespace, objects);
          resolve();
        },
        changed: (object) => detector.changed(object),
        deleted: (object) => detector.deleted(object),
        broken: () => metrics.reconnects.inc({ kind: resource.kind }),
      },
    });
    return { kind: resource.kind, watcher, synced, ended: watcher.run() };
  });
  return {
    synced: Promise.all(watches.map(({ synced }) => synced)).then(() => undefined),
    ended: Promise.all(watches.map(({ ended }) => ended)),
    mustBeConnected() {
      const away = watches.filter(({ watcher }) => !watcher.connected).map(({ kind }) => kind);
      if (away.length > 0) throw new Error(`not watching ${away.join(', ')}`);
    },
  };
}

function scopesOf(
  resource: Resource,
  namespaces: string[],
): { resource: Resource; namespace?: string }[] {
  if (!resource.namespaced || namespaces.length === 0) return [{ resource }];
  return namespaces.map((namespace) => ({ resource, namespace }));
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
