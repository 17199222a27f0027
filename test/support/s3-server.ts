import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { findTool } from '../../src/client/platform';

/** What the AWS SDK's default chain finds. */
export const credentials = {
  AWS_ACCESS_KEY_ID: 'homeostat-test',
  AWS_SECRET_ACCESS_KEY: 'homeostat-test-secret',
};

/** A real S3-compatible server (Versity's gateway over a folder) on a port of its own, which can be stopped and started. */
export class S3Server {
  private readonly folder = mkdtempSync(path.join(tmpdir(), 'homeostat-s3-'));
  private child: ChildProcess | undefined;

  private constructor(
    private readonly program: string,
    private readonly port: number,
  ) {}

  static async start(): Promise<S3Server> {
    const program = await findTool(
      'versitygw',
      (what) => void process.stderr.write(`homeostat: ${what}\n`),
    );
    const server = new S3Server(program, await freePort());
    await server.start();
    return server;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The folder in which the server keeps a bucket's objects as files. */
  bucketFolder(bucket: string): string {
    return path.join(this.folder, 'data', bucket);
  }

  async start(): Promise<void> {
    const [data, sidecar] = ['data', 'meta'].map((name) => path.join(this.folder, name));
    await Promise.all([data, sidecar].map((folder) => mkdir(folder!, { recursive: true })));
    const args = ['--port', `127.0.0.1:${this.port}`, '--quiet', 'posix', '--sidecar', sidecar!];
    this.child = spawn(this.program, [...args, data!], {
      stdio: 'ignore',
      env: {
        ...process.env,
        ROOT_ACCESS_KEY: credentials.AWS_ACCESS_KEY_ID,
        ROOT_SECRET_KEY: credentials.AWS_SECRET_ACCESS_KEY,
      },
    });
    while (!(await this.answers())) {
      if (this.child.exitCode !== null) throw new Error('the S3 server ended');
      await sleep(50);
    }
  }

  async stop(): Promise<void> {
    const { child } = this;
    if (!child || child.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  async createBucket(bucket: string): Promise<void> {
    const client = new S3Client({
      endpoint: this.endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: {
        accessKeyId: credentials.AWS_ACCESS_KEY_ID,
        secretAccessKey: credentials.AWS_SECRET_ACCESS_KEY,
      },
    });
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    client.destroy();
  }

  private async answers(): Promise<boolean> {
    return fetch(this.endpoint).then(
      () => true,
      () => false,
    );
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
