import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A message as the channel holds it. */
export interface PostedMessage {
  ts: string;
  thread_ts?: string;
  text: string;
  blocks: Record<string, unknown>[];
  metadata?: { event_type: string; event_payload: Record<string, string> };
  bot_id: string;
  user: string;
  /** How often it was edited. */
  edits: number;
}

/** What the server does with a call instead of answering it. `lose` does what was asked, and never tells. */
export type Trouble = { status: number; retryAfter?: number } | 'hang' | 'lose' | { error: string };

interface Call {
  method: string;
  at: number;
  args: Record<string, string>;
  token?: string;
}

/** A double of Slack's cloud that keeps what it is told; everything else about it is real HTTP. */
export class SlackServer {
  readonly messages: PostedMessage[] = [];
  readonly calls: Call[] = [];
  /** What was sent to response URLs, newest last. */
  readonly answers: { text: string; response_type?: string }[] = [];
  private readonly troubles: { method: RegExp; trouble: Trouble; times: number }[] = [];
  private readonly server: Server;
  private sequence = 0;

  private constructor() {
    this.server = createServer((request, response) => {
      void this.handle(request, response);
    });
  }

  static async start(): Promise<SlackServer> {
    const slack = new SlackServer();
    await new Promise<void>((resolve) => {
      slack.server.listen(0, '127.0.0.1', resolve);
    });
    return slack;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  get apiUrl(): string {
    return `${this.origin}/api/`;
  }

  get responseUrl(): string {
    return `${this.origin}/actions/T1/1/abc`;
  }

  /** Lets the next calls of the methods fail. */
  trouble(method: RegExp, trouble: Trouble, times = Infinity): void {
    this.troubles.push({ method, trouble, times });
  }

  /** Everything works again. */
  mend(): void {
    this.troubles.length = 0;
  }

  get roots(): PostedMessage[] {
    return this.messages.filter(({ thread_ts }) => !thread_ts);
  }

  repliesTo(ts: string): PostedMessage[] {
    return this.messages.filter(({ thread_ts }) => thread_ts === ts);
  }

  callsOf(method: string): Call[] {
    return this.calls.filter((call) => call.method === method);
  }

  /** The value of a button of a message. */
  buttonOf({ blocks }: PostedMessage, action: string): string | undefined {
    const elements = blocks.flatMap((block) => (block.elements ?? []) as Record<string, string>[]);
    return elements.find(({ action_id }) => action_id === action)?.value;
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    const path = request.url ?? '';
    if (path.startsWith('/actions/')) {
      this.answers.push(JSON.parse(body));
      response.end('ok');
      return;
    }
    const method = path.replace('/api/', '');
    const args = Object.fromEntries(new URLSearchParams(body));
    const token = request.headers.authorization?.replace('Bearer ', '');
    this.calls.push({ method, at: Date.now(), args, token });
    const trouble = this.nextTrouble(method);
    if (trouble === 'hang') return;
    if (typeof trouble === 'object' && 'status' in trouble) {
      const headers = trouble.retryAfter ? { 'retry-after': String(trouble.retryAfter) } : {};
      response.writeHead(trouble.status, headers).end('away');
      return;
    }
    const answer =
      typeof trouble === 'object' ? { ok: false, ...trouble } : this.answer(method, args);
    if (trouble === 'lose') {
      request.socket.destroy();
      return;
    }
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(answer));
  }

  private nextTrouble(method: string): Trouble | undefined {
    const next = this.troubles.find((one) => one.times > 0 && one.method.test(method));
    if (next) next.times -= 1;
    return next?.trouble;
  }

  private answer(method: string, args: Record<string, string>): object {
    if (method === 'auth.test') return { ok: true, user_id: 'UBOT', bot_id: 'BBOT' };
    if (method === 'chat.postMessage') return this.post(args);
    if (method === 'chat.update') return this.update(args);
    if (method === 'conversations.history') {
      const messages = this.roots.filter(({ ts }) => Number(ts) >= Number(args.oldest ?? 0));
      return { ok: true, messages: messages.toReversed() };
    }
    if (method === 'conversations.replies') {
      const thread = this.messages.filter(({ ts, thread_ts }) => [ts, thread_ts].includes(args.ts));
      return thread.length > 0
        ? { ok: true, messages: thread }
        : { ok: false, error: 'thread_not_found' };
    }
    return { ok: false, error: 'unknown_method' };
  }

  private post(args: Record<string, string>): object {
    this.sequence += 1;
    const ts = `${Math.floor(Date.now() / 1_000)}.${String(this.sequence).padStart(6, '0')}`;
    this.messages.push({
      ts,
      thread_ts: args.thread_ts,
      bot_id: 'BBOT',
      user: 'UBOT',
      edits: 0,
      ...contentOf(args),
    });
    return { ok: true, ts, channel: args.channel };
  }

  private update(args: Record<string, string>): object {
    const message = this.messages.find(({ ts }) => ts === args.ts);
    if (!message) return { ok: false, error: 'message_not_found' };
    Object.assign(message, contentOf(args));
    message.edits += 1;
    return { ok: true, ts: args.ts };
  }
}

function contentOf(args: Record<string, string>) {
  return {
    text: args.text ?? '',
    blocks: JSON.parse(args.blocks ?? '[]'),
    ...(args.metadata && { metadata: JSON.parse(args.metadata) }),
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
