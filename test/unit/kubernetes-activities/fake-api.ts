import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { KubeConfig } from '@kubernetes/client-node';

export interface Asked {
  method: string;
  path: string;
  query: URLSearchParams;
  body: unknown;
  contentType?: string;
}

/** An answer: JSON with a code, lines of a watch that then ends, or a connection that breaks. */
export type Answer =
  | { code?: number; body: unknown; headers?: Record<string, string> }
  | { lines: object[]; stay?: boolean }
  | 'hang up';

/** An API server whose answers a test decides, on a port of its own. */
export class FakeApi {
  readonly asked: Asked[] = [];
  private readonly server = http.createServer((request, response) => {
    void this.respond(request, response);
  });

  private constructor(private readonly answer: (asked: Asked) => Answer) {}

  static async start(answer: (asked: Asked) => Answer): Promise<FakeApi> {
    const api = new FakeApi(answer);
    await new Promise<void>((resolve) => api.server.listen(0, '127.0.0.1', resolve));
    return api;
  }

  get kubeConfig(): KubeConfig {
    const { port } = this.server.address() as AddressInfo;
    const kubeConfig = new KubeConfig();
    const server = `http://127.0.0.1:${port}`;
    kubeConfig.loadFromClusterAndUser(
      { name: 'fake', server, skipTLSVerify: true },
      { name: 'me' },
    );
    return kubeConfig;
  }

  count(method: string): number {
    return this.asked.filter((asked) => asked.method === method).length;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async respond(request: http.IncomingMessage, response: http.ServerResponse) {
    const url = new URL(request.url ?? '/', 'http://fake');
    const asked: Asked = {
      method: request.method ?? 'GET',
      path: url.pathname,
      query: url.searchParams,
      body: await json(request).catch(() => undefined),
      contentType: request.headers['content-type'],
    };
    this.asked.push(asked);
    const answer = this.answer(asked);
    if (answer === 'hang up') {
      response.destroy();
    } else if ('lines' in answer) {
      response.writeHead(200);
      for (const line of answer.lines) response.write(`${JSON.stringify(line)}\n`);
      if (!answer.stay) response.end();
    } else {
      response.writeHead(answer.code ?? 200, answer.headers);
      response.end(JSON.stringify(answer.body));
    }
  }
}
