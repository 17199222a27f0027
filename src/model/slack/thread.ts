import type { ContextBlock, KnownBlock, SectionBlock } from '@slack/types';
import { clip } from './text';

/** What a thread should hold now. */
export interface Thread {
  /** Identifies the thread among the messages of the channel. */
  key: string;
  /** When its subject began, RFC 3339; no message of it is older. */
  since: string;
  /** The first message, edited as it goes. */
  root: Message;
  /** What is told beneath it, each once, in this order. */
  news: NewsItem[];
  /** Nothing more will change. */
  over: boolean;
  /** RFC 3339: when to look again though nothing was announced. */
  lookAgainAt?: string;
}

export interface Message {
  /** For notifications, and for those who do not see the blocks. */
  text: string;
  blocks: KnownBlock[];
}

export interface NewsItem {
  /** The same for as long as the subject lives; told at most once. */
  key: string;
  at: string;
  text: string;
}

/** Slack's own limits. */
const longestSection = 3_000;
const mostBlocks = 50;
const longestFallback = 1_000;

/** Most news of one message; the rest follows in the next. */
export const mostNewsAtOnce = 40;

export function message(text: string, blocks: (KnownBlock | undefined)[]): Message {
  const present = blocks.filter((block): block is KnownBlock => block !== undefined);
  return { text: clip(text, longestFallback), blocks: present.slice(0, mostBlocks) };
}

/** Text as it is: Slack makes no links or channels of what stands in it. */
export function section(text: string): SectionBlock {
  return {
    type: 'section',
    text: { type: 'mrkdwn', text: clip(text, longestSection), verbatim: true },
  };
}

export function context(text: string): ContextBlock {
  return {
    type: 'context',
    elements: [{ type: 'mrkdwn', text: clip(text, longestSection), verbatim: true }],
  };
}

/** News as one message. */
export function newsMessage(news: readonly NewsItem[]): Message {
  return message(
    news.map(({ text }) => text).join('\n'),
    news.map(({ text }) => section(text)),
  );
}
