import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { jsonSchemaTransform } from 'fastify-type-provider-zod';
import { addServiceRoutes, type ServiceRoutes } from '../../service/server';
import { alertmanagerHook } from './alertmanager';
import { alertsApi } from './alerts';
import { type Credentials, readTls, requireCredentials } from './auth';
import type { Gateway, GatewayContext, RouteGroup } from './context';
import { sendProblem } from './problems';
import { proceduresApi } from './procedures';
import { slackHook } from './slack';
import { validate } from './validation';

/** Every group of routes, each in a file of its own. */
const groups: readonly RouteGroup[] = [alertmanagerHook, slackHook, proceduresApi, alertsApi];

export interface GatewayOptions extends ServiceRoutes {
  context: GatewayContext;
  credentials: Credentials;
}

/** Bodies that are read at a time, so that their sum is bounded too. */
const mostAtOnce = 64;

/** Builds the server with all of its routes; it does not listen yet. */
export async function createGateway(options: GatewayOptions): Promise<FastifyInstance> {
  const { context, credentials } = options;
  const { gateway } = context.session.config;
  const https = readTls(context.session.config);
  const app: FastifyInstance = fastify({
    logger: false,
    bodyLimit: gateway.bodyLimit,
    requestTimeout: 30_000,
    ...(https && { https }),
  });
  app.setValidatorCompiler(validate);
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.setErrorHandler((error, request, reply) => sendProblem(context.log, error, request, reply));
  app.setNotFoundHandler((request, reply) => {
    const detail = `${request.method} ${request.url.slice(0, 200)}: see /openapi.json`;
    return reply
      .code(404)
      .type('application/problem+json')
      .send({ title: 'Not found', status: 404, detail });
  });
  boundAtOnce(app);
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    context.metrics.requests.observe(
      { route, status: reply.statusCode },
      reply.elapsedTime / 1_000,
    );
  });
  await app.register(helmet);
  await app.register(rateLimit, {
    max: gateway.rate,
    timeWindow: 1_000,
    cache: 10_000,
    errorResponseBuilder: tooMany,
  });
  await app.register(swagger, {
    openapi: {
      info: { title: 'Homeostat gateway', version: '1', description: 'Alerts in, procedures out.' },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
    },
    transform: jsonSchemaTransform,
  });
  addServiceRoutes(app, options);
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
  for (const { access, add } of groups) {
    await app.register(async (scope) => {
      if (access === 'token') scope.addHook('onRequest', requireCredentials(credentials));
      add(scope as unknown as Gateway, context);
    });
  }
  return app;
}

/** Refuses what comes while enough is being worked on; it is to be sent again. */
function boundAtOnce(app: FastifyInstance): void {
  let working = 0;
  app.addHook('onRequest', async (request, reply) => {
    if (request.method !== 'POST') return;
    if (working >= mostAtOnce) throw refusal(503, 'busy: send it again later');
    working += 1;
    // Also where the sender went away.
    reply.raw.once('close', () => {
      working -= 1;
    });
  });
}

/** A 429 is final to Alertmanager, which would drop the alerts; a 503 it repeats. */
function tooMany({ routeOptions }: FastifyRequest): Error {
  const isHook = routeOptions.url?.startsWith('/hooks/') ?? false;
  return refusal(isHook ? 503 : 429, 'too many requests from this address: send it again later');
}

const refusal = (statusCode: number, message: string) =>
  Object.assign(new Error(message), { statusCode });
