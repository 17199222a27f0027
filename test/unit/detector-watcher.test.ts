import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { KubeConfig } from '@kubernetes/client-node';
import pino from 'pino';
import { type RawObject, resources } from '../../src/client/detector/resources';
import { Watcher } from '../../src/client/detector/watcher';

const pods = resources.find(({ kind }) => kind === 'Pod')!;
const pod = (name: string, version: string) => ({
  metadata: { name, namespace: 'shop', resourceVersion: version },
});
const event = (type: string, object: object) => `${JSON.stringify({ type, object })}\n`;

type Answer = (url: URL, response: http.ServerResponse) => void;

/** An API server that gives these answers, one after the other; the last watch stays open. */
async function watching(answers: Answer[]) {
  const asked: string[] = [];
  const server = http.createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://api');
    asked.push(url.search);
    const answer = answers.shift();
    if (answer) answer(url, response);
    else response.writeHead(200).flushHeaders();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const kubeConfig = new KubeConfig();
  const { port } = server.address() as AddressInfo;
  kubeConfig.loadFromClusterAndUser(
    { name: 'c', server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
    { name: 'u' },
  );
  const seen: string[] = [];
  const stop = new AbortController();
  const names = (objects: RawObject[]) => objects.map(({ metadata }) => metadata.name).join(',');
  const watcher = new Watcher({
    kubeConfig,
    resource: pods,
    log: pino({ level: 'silent' }),
    signal: stop.signal,
    handlers: {
      listed: (objects) => seen.push(`listed ${names(objects)}`),
      changed: (object) => seen.push(`changed ${names([object])}`),
      deleted: (object) => seen.push(`deleted ${names([object])}`),
      broken: () => seen.push('broken'),
    },
  });
  const ended = watcher.run();
  return {
    seen,
    asked,
    watcher,
    async until(condition: () => boolean) {
      while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
    },
    async close() {
      stop.abort();
      await ended;
      server.closeAllConnections();
      server.close();
    },
  };
}

const list =
  (items: object[], version: string, next?: string): Answer =>
  (_url, response) =>
    response.end(JSON.stringify({ metadata: { resourceVersion: version, continue: next }, items }));

const watch =
  (...events: string[]): Answer =>
  (_url, response) =>
    response.end(events.join(''));

test('lists in pages, then watches from there, and goes on where a watch ended', async () => {
  const api = await watching([
    list([pod('a', '1')], '7', 'more'),
    list([pod('b', '2')], '7'),
    watch(
      event('ADDED', pod('c', '8')),
      event('DELETED', pod('a', '9')),
      event('BOOKMARK', { metadata: { resourceVersion: '12' } }),
    ),
  ]);
  await api.until(() => api.asked.length === 4 && api.watcher.connected);
  expect(api.seen).toEqual(['listed a,b', 'changed c', 'deleted a']);
  expect(api.asked[1]).toContain('continue=more');
  expect(api.asked[2]).toContain('resourceVersion=7');
  expect(api.asked[3]).toContain('resourceVersion=12');
  await api.close();
});

test.each<[string, Answer]>([
  [
    'its version has expired',
    watch(event('ERROR', { code: 410, message: 'too old resource version' })),
  ],
  ['it is refused', (_url, response) => response.writeHead(410).end('{"message":"expired"}')],
  ['the server fails', (_url, response) => response.writeHead(500).end('oh')],
  ['the connection breaks', (_url, response) => void response.writeHead(200).destroy()],
])('lists anew when %s', async (_why, answer) => {
  const api = await watching([list([pod('a', '1')], '7'), answer, list([pod('b', '9')], '9')]);
  await api.until(() => api.asked.length === 4 && api.watcher.connected);
  expect(api.seen).toEqual(['listed a', 'broken', 'listed b']);
  expect(api.asked[3]).toContain('resourceVersion=9');
  await api.close();
});
