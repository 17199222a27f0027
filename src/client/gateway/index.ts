import { once } from 'node:events';
import type { Config } from '../../model/config';
import { kubernetesAnswers, temporalAnswers } from '../../service/checks';
import { createReadiness } from '../../service/health';
import { loadKubeConfig } from '../../service/kubeconfig';
import { createLogger } from '../../service/log';
import { saveMemory } from '../../service/memory';
import { createRegistry } from '../../service/registry';
import { listenOn } from '../../service/server';
import { listenForShutdown } from '../../service/shutdown';
import { lazyTemporal } from '../../service/temporal';
import { runbooks } from '../../workflows/healing/runbooks';
import { tell } from '../incidents';
import { tellUnmatched } from '../procedures/alerts';
import { readCredentials } from './auth';
import { Intake } from './intake';
import { createGatewayMetrics } from './metrics';
import { Owners } from './owners';
import { createGateway } from './server';

const graceMs = 8_000;

/** Takes alerts and serves the API until SIGTERM. */
export async function runGateway(config: Config): Promise<void> {
  saveMemory();
  const log = createLogger('gateway', config.log.level);
  const shutdown = listenForShutdown(log, graceMs);
  const credentials = readCredentials(config);
  const kubeConfig = loadKubeConfig(config);
  const temporal = lazyTemporal(config);
  const session = { config, temporal };
  const registry = createRegistry();
  const metrics = createGatewayMetrics(registry);
  const owners = new Owners(kubeConfig);
  const intake = new Intake({
    cluster: config.cluster.name,
    runbooks,
    ownerOf: (pod) => owners.ownerOf(pod),
    tell: (report) => tell(temporal, config, report),
    tellUnmatched: (alerts) => tellUnmatched(session, alerts),
    metrics,
  });
  const app = await createGateway({
    context: { session, intake, metrics, log },
    credentials,
    readiness: createReadiness({
      temporal: temporalAnswers(temporal),
      kubernetes: kubernetesAnswers(kubeConfig),
    }),
    registry,
  });
  const url = await listenOn(app, { listen: config.gateway.listen, key: 'gateway.listen' });
  log.info({ url }, 'listening');
  if (!shutdown.signal.aborted) await once(shutdown.signal, 'abort');
  // What was begun is answered first.
  await app.close();
  await temporal.connection.close();
  shutdown.dispose();
  log.info('ended');
}
