import http from 'node:http';
import https from 'node:https';
import { text } from 'node:stream/consumers';
import type { KubeConfig } from '@kubernetes/client-node';

/** An answer of the API server that is no 200. */
export class KubernetesStatusError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/**
 * Begins a GET at the API server and resolves with its headers: the body may go on for hours.
 * The client library's own requests neither stream nor end when the server falls silent.
 */
export async function openGet(
  kubeConfig: KubeConfig,
  path: string,
  signal: AbortSignal,
): Promise<http.IncomingMessage> {
  const cluster = kubeConfig.getCurrentCluster();
  if (!cluster) throw new Error('the kubeconfig has no current cluster');
  const url = new URL(cluster.server.replace(/\/$/, '') + path);
  const options: https.RequestOptions = { headers: { accept: 'application/json' } };
  await kubeConfig.applyToHTTPSOptions(options);
  const { request } = url.protocol === 'https:' ? https : http;
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    request(url, { ...options, signal }, resolve)
      .on('error', reject)
      .end();
  });
  // A peer that vanished without a word is noticed after some 20 s.
  response.socket.setKeepAlive(true, 10_000);
  if (response.statusCode === 200) return response;
  throw new KubernetesStatusError(response.statusCode ?? 0, await reasonOf(response));
}

/** GETs a JSON document from the API server. */
export async function getJson<T>(
  kubeConfig: KubeConfig,
  path: string,
  signal: AbortSignal,
): Promise<T> {
  return JSON.parse(await text(await openGet(kubeConfig, path, signal))) as T;
}

async function reasonOf(response: http.IncomingMessage): Promise<string> {
  const body = await text(response);
  const message = messageIn(body) ?? body.slice(0, 200);
  return `the API server answered ${response.statusCode}: ${message}`;
}

function messageIn(body: string): string | undefined {
  try {
    return (JSON.parse(body) as { message?: string }).message;
  } catch {
    return undefined;
  }
}
