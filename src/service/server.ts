import fastify, { type FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import { badInput, messageOf } from '../model/errors';
import type { Readiness } from './health';

/** What a long-running part serves about itself. */
export interface ServiceServer {
  /** Where it listens in fact. */
  url: string;
  close(): Promise<void>;
}

/** What is told about a part. */
export interface ServiceRoutes {
  readiness: () => Promise<Readiness>;
  registry: Registry;
  /** Further text in Prometheus' format. */
  extraMetrics?: () => Promise<string>;
}

export interface ServerOptions extends ServiceRoutes, Listen {}

/** Where to listen. */
export interface Listen {
  /** `127.0.0.1:9464`; port 0 takes a free one. */
  listen: string;
  /** The key of the configuration, for messages. */
  key: string;
}

/**
 * Serves /livez (the process can serve), /readyz (it can do its work) and /metrics.
 * @throws HomeostatError `bad-input` where the address cannot be listened on.
 */
export async function startServer(options: ServerOptions): Promise<ServiceServer> {
  const app = fastify({ logger: false });
  addServiceRoutes(app, options);
  const url = await listenOn(app, options);
  return { url, close: () => app.close() };
}

/** Adds /livez, /readyz and /metrics to a server. */
export function addServiceRoutes(app: FastifyInstance, options: ServiceRoutes): void {
  app.get('/livez', () => ({ live: true }));
  app.get('/readyz', async (_request, reply) => {
    const readiness = await options.readiness();
    return reply.code(readiness.ready ? 200 : 503).send(readiness);
  });
  app.get('/metrics', async (_request, reply) => {
    const texts = [await options.registry.metrics(), (await options.extraMetrics?.()) ?? ''];
    return reply.type(options.registry.contentType).send(texts.join('\n'));
  });
}

/**
 * Begins to listen, and answers the URL.
 * @throws HomeostatError `bad-input` where the address cannot be listened on.
 */
export async function listenOn(app: FastifyInstance, { listen, key }: Listen): Promise<string> {
  try {
    return await app.listen(parseListen(listen));
  } catch (error) {
    throw badInput(
      `${key} ${listen}`,
      `choose an address that is free and of this machine (${messageOf(error)})`,
    );
  }
}

function parseListen(listen: string): { host: string; port: number } {
  const colon = listen.lastIndexOf(':');
  const host = listen.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  return { host: host || '0.0.0.0', port: Number(listen.slice(colon + 1)) };
}
