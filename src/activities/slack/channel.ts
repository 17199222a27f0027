import { setTimeout as sleep } from 'node:timers/promises';
import { WebAPIPlatformError, type WebClient } from '@slack/web-api';
import type { Breaker } from '../../model/breaker';
import type { Message } from '../../model/slack/thread';
import { toFailure } from './errors';

/** What a message of ours carries beside its text; how it is known again. */
export interface Marks {
  /** Of the thread. */
  key: string;
  /** Of the first message: a hash of what it shows. */
  contents?: string;
  /** Of the others: the keys of the news that they tell, with a space between. */
  news?: string;
}

/** A message of ours as it is in the channel. */
export interface OwnMessage {
  ts: string;
  marks: Marks;
}

/** Slack's own name of this kind of metadata. */
const eventType = 'homeostat';

const pageSize = 200;
const mostPages = 5;

/** The clocks of Slack and of this machine may differ. */
const clockSkewS = 300;

interface Found {
  ts?: string;
  user?: string;
  bot_id?: string;
  metadata?: { event_type?: string; event_payload?: object };
}

/**
 * One channel of Slack. Every call is made once, after a pause since the one before that keeps within
 * Slack's limits; who calls repeats, and looks first, since a lost answer may hide a posted message.
 */
export class Channel {
  private identity: Promise<{ user?: string; bot?: string }> | undefined;
  private free = 0;

  constructor(
    private readonly client: WebClient,
    private readonly id: string,
    private readonly breaker: Breaker,
    private readonly pauseMs: number,
  ) {}

  /** The first message of a thread of ours, among the newest since a time. */
  async findRoot(key: string, since: string): Promise<OwnMessage | undefined> {
    const oldest = String(Math.floor(Date.parse(since) / 1_000) - clockSkewS);
    return this.firstOf(
      (cursor) =>
        this.client.conversations.history({
          channel: this.id,
          oldest,
          limit: pageSize,
          include_all_metadata: true,
          cursor,
        }),
      ({ marks }) => marks.key === key && marks.contents !== undefined,
    );
  }

  /** Our messages of a thread, the first one included; none when the thread is gone. */
  async thread(ts: string): Promise<OwnMessage[]> {
    const all: OwnMessage[] = [];
    try {
      await this.firstOf(
        (cursor) =>
          this.client.conversations.replies({
            channel: this.id,
            ts,
            limit: pageSize,
            include_all_metadata: true,
            cursor,
          }),
        (message) => all.push(message) < 0,
      );
    } catch (error) {
      if (error instanceof GoneError) return [];
      throw error;
    }
    return all;
  }

  /** Posts a message and answers its ts. */
  async post({ text, blocks }: Message, marks: Marks, thread?: string): Promise<string> {
    const { ts } = await this.call(() =>
      this.client.chat.postMessage({
        channel: this.id,
        text,
        blocks,
        thread_ts: thread,
        metadata: metadataOf(marks),
        unfurl_links: false,
        unfurl_media: false,
      }),
    );
    return ts!;
  }

  async edit(ts: string, { text, blocks }: Message, marks: Marks): Promise<void> {
    await this.call(() =>
      this.client.chat.update({
        channel: this.id,
        ts,
        text,
        blocks,
        metadata: metadataOf(marks),
      }),
    );
  }

  /** The first of our messages that is wanted, page by page. */
  private async firstOf(
    page: (cursor?: string) => Promise<{
      messages?: Found[];
      response_metadata?: { next_cursor?: string };
    }>,
    isWanted: (message: OwnMessage) => boolean,
  ): Promise<OwnMessage | undefined> {
    let cursor: string | undefined;
    for (let pages = 0; pages < mostPages; pages += 1) {
      const { messages = [], response_metadata: more } = await this.call(() => page(cursor));
      for (const found of messages) {
        const own = await this.toOwn(found);
        if (own && isWanted(own)) return own;
      }
      cursor = more?.next_cursor || undefined;
      if (!cursor) return undefined;
    }
    return undefined;
  }

  /** Anybody may write such metadata, so only what we posted counts. */
  private async toOwn({ ts, user, bot_id, metadata }: Found): Promise<OwnMessage | undefined> {
    if (!ts || metadata?.event_type !== eventType) return undefined;
    const self = await this.self();
    const isOurs =
      (user !== undefined && user === self.user) || (bot_id !== undefined && bot_id === self.bot);
    return isOurs ? { ts, marks: (metadata.event_payload ?? {}) as Marks } : undefined;
  }

  private self(): Promise<{ user?: string; bot?: string }> {
    this.identity ??= this.call(() => this.client.auth.test()).then(
      ({ user_id, bot_id }) => ({ user: user_id, bot: bot_id }),
      (error: unknown) => {
        this.identity = undefined;
        throw error;
      },
    );
    return this.identity;
  }

  private async call<T>(request: () => Promise<T>): Promise<T> {
    const now = Date.now();
    const turn = Math.max(now, this.free);
    this.free = turn + this.pauseMs;
    await sleep(turn - now);
    try {
      return await this.breaker(request);
    } catch (error) {
      if (isGone(error)) throw new GoneError();
      throw toFailure(error);
    }
  }
}

/** The message or its thread was deleted. */
class GoneError extends Error {}

function isGone(error: unknown): boolean {
  const gone = ['thread_not_found', 'message_not_found'];
  return error instanceof WebAPIPlatformError && gone.includes(error.data.error);
}

function metadataOf(marks: Marks) {
  return { event_type: eventType, event_payload: { ...marks } };
}
