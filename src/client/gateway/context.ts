import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Logger } from '../../service/log';
import type { Session } from '../procedures/session';
import type { Intake } from './intake';
import type { GatewayMetrics } from './metrics';

/** What every group of routes works with. */
export interface GatewayContext {
  session: Session;
  intake: Intake;
  metrics: GatewayMetrics;
  log: Logger;
}

/** A server whose routes are described by zod. */
export type Gateway = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/**
 * Routes that belong together, in a scope of their own: what a group adds (a parser for a raw body, a
 * hook that checks a signature) touches no other group.
 */
export interface RouteGroup {
  /** `token`: only senders with the gateway's credentials get in. `own`: the group checks senders itself. */
  access: 'token' | 'own';
  add: (app: Gateway, context: GatewayContext) => void;
}
