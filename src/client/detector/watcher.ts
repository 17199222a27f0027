import { StringDecoder } from 'node:string_decoder';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeConfig } from '@kubernetes/client-node';
import { messageOf } from '../../model/errors';
import { getJson, KubernetesStatusError, openGet } from '../../service/kubernetes';
import type { Logger } from '../../service/log';
import type { RawObject, Resource } from './resources';

/** What becomes of what is seen. */
export interface WatchHandlers {
  /** Everything there is, after each list; what is not in it is gone. */
  listed(objects: RawObject[]): void;
  changed(object: RawObject): void;
  deleted(object: RawObject): void;
  /** The connection broke, and everything will be listed anew. */
  broken(): void;
}

export interface WatcherOptions {
  kubeConfig: KubeConfig;
  resource: Resource;
  namespace?: string;
  handlers: WatchHandlers;
  log: Logger;
  signal: AbortSignal;
}

interface ListPage {
  metadata: { resourceVersion: string; continue?: string };
  items: RawObject[] | null;
}

interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  object: RawObject & { code?: number; message?: string };
}

/** Small enough that a page of large pods does not swell the heap. */
const pageSize = 100;
const listTimeoutMs = 30_000;
const firstPauseMs = 100;
const longestPauseMs = 2_000;

/**
 * Lists a resource in pages and then watches it, for ever. The library's informer stops at the
 * first error, holds whole objects and lists without pages; this one begins anew after any error,
 * so that nothing that happened meanwhile is missed.
 */
export class Watcher {
  /** Whether the list is complete and the watch is open. */
  connected = false;
  private version: string | undefined;
  private pauseMs = firstPauseMs;

  constructor(private readonly options: WatcherOptions) {}

  /** Resolves once the signal says so. */
  async run(): Promise<void> {
    const { signal } = this.options;
    while (!signal.aborted) {
      try {
        this.version ??= await this.list();
        await this.watch(this.version);
      } catch (error) {
        if (!signal.aborted) await this.recover(error);
      }
    }
    this.connected = false;
  }

  private async recover(error: unknown): Promise<void> {
    const { handlers, log, resource, signal } = this.options;
    this.connected = false;
    this.version = undefined;
    handlers.broken();
    const expired = error instanceof KubernetesStatusError && error.status === 410;
    log.warn({ kind: resource.kind, error: messageOf(error) }, 'watch broke; listing anew');
    if (expired) return;
    await sleep(this.pauseMs, undefined, { signal }).catch(() => undefined);
    this.pauseMs = Math.min(this.pauseMs * 2, longestPauseMs);
  }

  private async list(): Promise<string> {
    const { kubeConfig, resource, signal, handlers } = this.options;
    const objects: RawObject[] = [];
    let page: ListPage | undefined;
    do {
      const path = this.path({ limit: String(pageSize), continue: page?.metadata.continue });
      const within = AbortSignal.any([signal, AbortSignal.timeout(listTimeoutMs)]);
      page = await getJson<ListPage>(kubeConfig, path, within);
      for (const item of page.items ?? []) objects.push(resource.slim(item));
    } while (page.metadata.continue);
    handlers.listed(objects);
    return page.metadata.resourceVersion;
  }

  /** Returns when the server ends the watch in its own time, to go on from where it was. */
  private async watch(from: string): Promise<void> {
    const { kubeConfig, signal } = this.options;
    const path = this.path({
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: from,
      // Spread, so that not all watches end in one moment.
      timeoutSeconds: String(300 + Math.floor(Math.random() * 300)),
    });
    const response = await openGet(kubeConfig, path, signal);
    this.connected = true;
    this.pauseMs = firstPauseMs;
    for await (const line of linesOf(response)) this.take(JSON.parse(line) as WatchEvent);
  }

  private take({ type, object }: WatchEvent): void {
    const { handlers, resource } = this.options;
    if (type === 'ERROR')
      throw new KubernetesStatusError(object.code ?? 0, object.message ?? 'watch error');
    this.version = object.metadata.resourceVersion;
    if (type === 'BOOKMARK') return;
    const slim = resource.slim(object);
    if (type === 'DELETED') handlers.deleted(slim);
    else handlers.changed(slim);
  }

  private path(query: Record<string, string | undefined>): string {
    const { resource, namespace } = this.options;
    const given = { ...query, fieldSelector: resource.fieldSelector };
    const set = Object.entries(given).filter((entry): entry is [string, string] =>
      Boolean(entry[1]),
    );
    return `${resource.path(namespace)}?${new URLSearchParams(set).toString()}`;
  }
}

async function* linesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}
