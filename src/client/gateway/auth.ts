import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { TLSSocket } from 'node:tls';
import type { FastifyReply, FastifyRequest, onRequestHookHandler } from 'fastify';
import type { Config } from '../../model/config';
import { badInput, messageOf } from '../../model/errors';
import { readSecret, secretVariable } from '../../service/secrets';

/** What a sender must show: everything that is set. */
export interface Credentials {
  token?: string;
  /** A certificate that the configured authority has signed. */
  certificate: boolean;
}

const shortestToken = 16;

/**
 * Reads what senders must show.
 * @throws HomeostatError `bad-input` where nothing would be asked of them, or the token is guessable.
 */
export function readCredentials(
  { gateway }: Pick<Config, 'gateway'>,
  env: NodeJS.ProcessEnv = process.env,
): Credentials {
  const { tokenFile: file, tls } = gateway;
  const certificate = tls?.clientCa !== undefined;
  if (certificate && !file && !env[secretVariable.gatewayToken]) return { certificate };
  const token = readSecret(
    secretVariable.gatewayToken,
    { key: 'gateway.tokenFile', ...(file && { file }) },
    env,
  );
  if (token.length < shortestToken) {
    throw badInput("the gateway's token", `make it ${shortestToken} characters or longer`);
  }
  return { token, certificate };
}

/** The files of TLS, for Node; undefined where plain HTTP is served. */
export function readTls({ gateway }: Pick<Config, 'gateway'>) {
  if (!gateway.tls) return undefined;
  const { cert, key, clientCa } = gateway.tls;
  return {
    cert: readPem('gateway.tls.cert', cert),
    key: readPem('gateway.tls.key', key),
    ...(clientCa && {
      ca: readPem('gateway.tls.clientCa', clientCa),
      // Asked of everybody, and required where `requireCredentials` guards: probes have none.
      requestCert: true,
      rejectUnauthorized: false,
    }),
  };
}

function readPem(key: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw badInput(`${key} ${file}`, `make it a readable file (${messageOf(error)})`);
  }
}

/** Lets a request pass only with the credentials, before its body is read. */
export function requireCredentials({ token, certificate }: Credentials): onRequestHookHandler {
  const wanted = token === undefined ? undefined : digestOf(`Bearer ${token}`);
  return (request, reply, done) => {
    if (certificate && !(request.raw.socket as TLSSocket).authorized) {
      refuse(reply, 'show a client certificate that gateway.tls.clientCa has signed');
    } else if (wanted && !timingSafeEqual(wanted, shown(request))) {
      refuse(reply, 'send the gateway\'s token: "authorization: Bearer …"');
    } else done();
  };
}

/** Digests are of one length and tell nothing, so comparing them takes the same time always. */
const digestOf = (text: string) => createHash('sha256').update(text).digest();

const shown = ({ headers }: FastifyRequest) =>
  digestOf((headers.authorization ?? '').replace(/^bearer /i, 'Bearer '));

function refuse(reply: FastifyReply, detail: string): void {
  void reply
    .code(401)
    .header('www-authenticate', 'Bearer')
    .type('application/problem+json')
    .send({ title: 'Unauthorized', status: 401, detail });
}
