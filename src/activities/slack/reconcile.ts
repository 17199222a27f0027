import { createHash } from 'node:crypto';
import type { Message, Thread } from '../../model/slack/thread';
import { mostNewsAtOnce, newsMessage } from '../../model/slack/thread';
import type { Channel, OwnMessage } from './channel';

/**
 * Makes a thread in Slack what it should be: looks what is there, posts or edits the first message, and
 * tells the news that nobody was told. Done twice it changes nothing. Answers the thread's ts.
 */
export async function reconcile(channel: Channel, wanted: Thread, known?: string): Promise<string> {
  const there = await lookFor(channel, wanted, known);
  const [root, ...replies] = there;
  const marks = { key: wanted.key, contents: hashOf(wanted.root) };
  const thread = root?.ts ?? (await channel.post(wanted.root, marks));
  if (root && root.marks.contents !== marks.contents)
    await channel.edit(root.ts, wanted.root, marks);
  const told = new Set(replies.flatMap(({ marks }) => marks.news?.split(' ') ?? []));
  const news = wanted.news.filter(({ key }) => !told.has(key));
  for (let from = 0; from < news.length; from += mostNewsAtOnce) {
    const some = news.slice(from, from + mostNewsAtOnce);
    const keys = some.map(({ key }) => key).join(' ');
    await channel.post(newsMessage(some), { key: wanted.key, news: keys }, thread);
  }
  return thread;
}

/** The thread as it is, first message first; empty where there is none. */
async function lookFor(
  channel: Channel,
  { key, since }: Thread,
  known?: string,
): Promise<OwnMessage[]> {
  const thread = known ?? (await channel.findRoot(key, since))?.ts;
  if (!thread) return [];
  const messages = await channel.thread(thread);
  return messages[0]?.ts === thread ? messages : [];
}

const hashOf = (message: Message) =>
  createHash('sha256').update(JSON.stringify(message)).digest('hex').slice(0, 16);
