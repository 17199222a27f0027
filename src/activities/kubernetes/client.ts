import http from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import type { KubeConfig } from '@kubernetes/client-node';
import type { Breaker } from '../../model/breaker';
import { SystemAway } from '../../model/errors';
import { ApiError, type Status, Unanswered } from './errors';

/** How long the API server has to answer a request. */
const requestTimeoutMs = 10_000;
/** How long one watch lasts; it then goes on from where it was. */
const watchSeconds = 60;
const fieldManager = 'homeostat';

export type Query = Record<string, string | number | boolean | undefined>;

/** An operation of RFC 6902. */
export interface PatchOperation {
  op: 'test' | 'add' | 'replace' | 'remove';
  path: string;
  value?: unknown;
}

export interface WatchEvent<T> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: T;
}

/** As in the API's `DeleteOptions`. */
export interface RemoveOptions {
  gracePeriodSeconds?: number;
  propagationPolicy?: 'Foreground' | 'Background' | 'Orphan';
}

interface RequestOptions {
  query?: Query;
  body?: unknown;
  contentType?: string;
  signal?: AbortSignal;
}

/**
 * The Kubernetes API as plain JSON. client-node's typed clients drop fields that they do not know,
 * which would lose parts of a pod template on the way back, and they open a connection per request.
 * Every method throws `ApiError` for an answer that refuses, `Unanswered` when there is none.
 */
export interface KubernetesClient {
  get<T>(path: string, query?: Query): Promise<T>;
  text(path: string, query?: Query): Promise<string>;
  create<T>(path: string, object: unknown, query?: Query): Promise<T>;
  /** JSON patch, as the field manager `homeostat`. */
  patch<T>(path: string, operations: PatchOperation[]): Promise<T>;
  remove(path: string, preconditions: { uid: string }, options?: RemoveOptions): Promise<void>;
  /** Events from a resource version on, until the server ends the stream or `signal` aborts it. */
  watch<T>(path: string, query: Query, signal: AbortSignal): AsyncGenerator<WatchEvent<T>>;
}

/**
 * A client for the current context of a KubeConfig, with kept-alive connections.
 * @param breaker lets every request through but those for logs: these fail with a node, not with the API server.
 */
export function createKubernetesClient(kubeConfig: KubeConfig, breaker: Breaker): KubernetesClient {
  const server = kubeConfig.getCurrentCluster()?.server;
  if (!server) throw new Error('the kubeconfig names no current cluster');
  const transport = server.startsWith('http:') ? http : https;
  const keptAlive = new transport.Agent({ keepAlive: true, scheduling: 'lifo' });
  const proxied = Boolean(kubeConfig.getCurrentCluster()?.proxyUrl);

  async function open(method: string, path: string, options: RequestOptions) {
    const credentials: https.RequestOptions = { headers: {} };
    await kubeConfig.applyToHTTPSOptions(credentials);
    const body = options.body === undefined ? undefined : JSON.stringify(options.body);
    const url = urlOf(server as string, path, options.query);
    const requestOptions: https.RequestOptions = {
      ...credentials,
      method,
      agent: proxied ? credentials.agent : keptAlive,
      headers: {
        ...(credentials.headers as http.OutgoingHttpHeaders),
        accept: 'application/json',
        'user-agent': fieldManager,
        ...(body !== undefined && {
          'content-type': options.contentType ?? 'application/json',
          'content-length': Buffer.byteLength(body),
        }),
      },
    };
    return send(url, body, requestOptions, options.signal);
  }

  function send(
    url: URL,
    body: string | undefined,
    options: https.RequestOptions,
    signal: AbortSignal | undefined,
  ) {
    return new Promise<http.IncomingMessage>((resolve, reject) => {
      const request = transport.request(url, options, (response) => {
        // A watch has answered once its stream begins; all else when it has been read.
        if (signal) clearTimeout(timer);
        response.once('close', () => clearTimeout(timer));
        // Whoever reads gets the error too; unheard, after the reading, it would end the process.
        response.on('error', () => undefined);
        answered = response;
        resolve(response);
      });
      let answered: http.IncomingMessage | undefined;
      // An error given to a request whose answer is complete would be thrown at its kept-alive connection.
      const giveUp = (why: string) => () =>
        answered ? answered.destroy() : request.destroy(new Error(why));
      const timer = setTimeout(
        giveUp(`no answer within ${requestTimeoutMs / 1_000} s`),
        requestTimeoutMs,
      );
      const abort = giveUp('the watch was ended');
      signal?.addEventListener('abort', abort);
      request.once('close', () => signal?.removeEventListener('abort', abort));
      request.on('error', (error) => {
        clearTimeout(timer);
        reject(new Unanswered(`${options.method} ${url.pathname}`, error));
      });
      request.setSocketKeepAlive(true, 10_000);
      request.end(body);
      if (signal?.aborted) abort();
    });
  }

  async function readText(method: string, path: string, options: RequestOptions): Promise<string> {
    const response = await open(method, path, options);
    const what = `${method} ${path}`;
    const content = await text(response).catch((error: unknown) => {
      throw new Unanswered(what, error);
    });
    if ((response.statusCode ?? 500) < 300) return content;
    throw new ApiError(what, response.statusCode ?? 500, statusIn(content), response.headers);
  }

  async function guarded<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await breaker(work);
    } catch (error) {
      throw error instanceof SystemAway ? new Unanswered(what, error) : error;
    }
  }

  async function readJson<T>(method: string, path: string, options: RequestOptions): Promise<T> {
    const content = await guarded(`${method} ${path}`, () => readText(method, path, options));
    return JSON.parse(content) as T;
  }

  async function* watch<T>(path: string, query: Query, signal: AbortSignal) {
    const what = `WATCH ${path}`;
    const watchQuery = {
      ...query,
      watch: true,
      allowWatchBookmarks: true,
      timeoutSeconds: watchSeconds,
    };
    const response = await guarded(what, () => open('GET', path, { query: watchQuery, signal }));
    if (response.statusCode !== 200) {
      const status = statusIn(await text(response));
      throw new ApiError(what, response.statusCode ?? 500, status, response.headers);
    }
    try {
      for await (const line of linesOf(response)) yield JSON.parse(line) as WatchEvent<T>;
    } catch (error) {
      throw new Unanswered(what, error);
    } finally {
      response.destroy();
    }
  }

  return {
    get: (path, query) => readJson('GET', path, { query }),
    text: (path, query) => readText('GET', path, { query }),
    create: (path, object, query) =>
      readJson('POST', path, { body: object, query: { ...query, fieldManager } }),
    patch: (path, operations) =>
      readJson('PATCH', path, {
        body: operations,
        contentType: 'application/json-patch+json',
        query: { fieldManager },
      }),
    remove: async (path, preconditions, options) => {
      await readJson('DELETE', path, { body: { ...options, preconditions } });
    },
    watch,
  };
}

/** Readline would swallow the stream's errors. */
async function* linesOf(response: http.IncomingMessage): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of response.setEncoding('utf8')) {
    const lines = `${rest}${chunk}`.split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}

function urlOf(server: string, path: string, query: Query = {}): URL {
  const url = new URL(server.replace(/\/$/, '') + path);
  for (const [key, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(key, String(value));
  }
  return url;
}

function statusIn(content: string): Status {
  try {
    return JSON.parse(content) as Status;
  } catch {
    return { message: content.slice(0, 200) };
  }
}
