import type { FastifyInstance } from 'fastify';
import type { Credentials } from '../../src/client/gateway/auth';
import { Intake, type IntakeOptions } from '../../src/client/gateway/intake';
import { createGatewayMetrics } from '../../src/client/gateway/metrics';
import { createGateway } from '../../src/client/gateway/server';
import type { Subject } from '../../src/model/alerts';
import { type ConfigInput, checkConfig } from '../../src/model/config';
import { createLogger } from '../../src/service/log';
import { createRegistry } from '../../src/service/registry';
import type { Temporal } from '../../src/service/temporal';
import { runbooks } from '../../src/workflows/healing/runbooks';

export const token = 'a-token-for-the-tests';

/** What a test gives its gateway; nothing is told to anybody by default. */
export interface TestGateway extends Partial<Omit<IntakeOptions, 'metrics'>> {
  config?: ConfigInput;
  credentials?: Credentials;
  temporal?: Temporal;
}

/** The gateway's server in this process, to be asked by `inject`. */
export async function testGateway(options: TestGateway): Promise<FastifyInstance> {
  const { config } = checkConfig({ cluster: { name: 'lab' }, ...options.config });
  const registry = createRegistry();
  const metrics = createGatewayMetrics(registry);
  const intake = new Intake({
    cluster: config!.cluster.name,
    runbooks,
    ownerOf: async (pod: Subject) => pod,
    tell: async () => 'told',
    tellUnmatched: async () => undefined,
    ...options,
    metrics,
  });
  return createGateway({
    context: {
      session: { config: config!, temporal: options.temporal! },
      intake,
      metrics,
      log: createLogger('gateway', 'fatal'),
    },
    credentials: options.credentials ?? { token, certificate: false },
    readiness: async () => ({ ready: true, parts: {} }),
    registry,
  });
}

/** An alert as Alertmanager writes it. */
export function writtenAlert(more: Record<string, unknown> = {}, labels: object = {}) {
  return {
    status: 'firing',
    labels: { alertname: 'KubePodCrashLooping', namespace: 'shop', pod: 'web-1-x', ...labels },
    annotations: { summary: 'Pod is crash looping.' },
    startsAt: '2026-01-01T00:00:00.000Z',
    endsAt: '0001-01-01T00:00:00Z',
    generatorURL: 'http://prometheus/graph',
    fingerprint: 'f1',
    ...more,
  };
}

/** A notification as Alertmanager posts it. */
export function notification(alerts: unknown, more: Record<string, unknown> = {}) {
  return {
    version: '4',
    groupKey: '{}:{alertname="KubePodCrashLooping"}',
    truncatedAlerts: 0,
    status: 'firing',
    receiver: 'homeostat',
    groupLabels: {},
    commonLabels: {},
    commonAnnotations: {},
    externalURL: 'http://alertmanager',
    alerts,
    ...more,
  };
}

/** Posts to the hook as Alertmanager does. */
export async function post(app: FastifyInstance, payload: unknown, headers: object = {}) {
  const response = await app.inject({
    method: 'POST',
    url: '/hooks/alertmanager',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      ...headers,
    },
    payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
  });
  return { status: response.statusCode, headers: response.headers, body: response.json() };
}
