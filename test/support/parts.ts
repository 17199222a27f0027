import { type ChildProcess, spawn } from 'node:child_process';
import { createWriteStream, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import { stringify } from 'yaml';
import type { ConfigInput } from '../../src/model/config';
import { lab } from './lab';

type PartName = 'worker' | 'detector' | 'gateway';

const root = path.resolve(__dirname, '../..');

/** A Homeostat of a test's own on the shared lab: its own cluster name, queue and parts. */
export class Parts {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'homeostat-test-'));
  readonly artifacts = path.join(this.folder, 'artifacts');
  readonly taskQueue: string;
  private readonly ports: Record<PartName, number>;
  private readonly processes = new Set<ChildProcess>();
  private ended = false;

  constructor(
    readonly cluster: string,
    private readonly settings: Pick<
      ConfigInput,
      'detector' | 'healing' | 'governor' | 'worker' | 'prometheus' | 'slack'
    > = {},
  ) {
    this.taskQueue = `homeostat-${cluster}`;
    const first = 20_000 + Math.floor(Math.random() * 3_000) * 3;
    this.ports = { worker: first, detector: first + 1, gateway: first + 2 };
  }

  /** Runs a worker, and runs it again when it dies, as a supervisor would. */
  worker(env: Record<string, string> = {}): ChildProcess {
    const script = path.join(root, 'test/support/crashing-worker.js');
    return this.supervise('worker', [script, this.config(lab().cluster.workerKubeconfig)], env);
  }

  detector(): ChildProcess {
    const command = [path.join(root, 'bin/homeostat'), 'detector', '--config'];
    return this.supervise('detector', [...command, this.config(lab().cluster.detectorKubeconfig)]);
  }

  gateway(token: string): ChildProcess {
    const command = [path.join(root, 'bin/homeostat'), 'gateway', '--config'];
    const env = { HOMEOSTAT_GATEWAY_TOKEN: token };
    return this.supervise(
      'gateway',
      [...command, this.config(lab().cluster.gatewayKubeconfig)],
      env,
    );
  }

  url(part: PartName): string {
    return `http://127.0.0.1:${this.ports[part]}`;
  }

  /** Configuration for the CLI, with the administrator's access. */
  cliConfig(): string {
    return this.config(lab().cluster.kubeconfig);
  }

  /** A part's metrics, in Prometheus' format. */
  async metrics(part: PartName): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.ports[part]}/metrics`)).text();
  }

  /** Keeps the governor halted while `work` runs. */
  async pausedHealing(client: Client, work: () => Promise<void>): Promise<void> {
    const governor = client.workflow.getHandle(`governor:${this.cluster}`);
    await governor.executeUpdate('halt', { args: [{ by: 'tester', reason: 'trial' }] });
    try {
      await work();
    } finally {
      await governor.executeUpdate('resume', { args: [{ by: 'tester' }] });
    }
  }

  /** Waits until a part says that it is ready. */
  ready(part: PartName): Promise<void> {
    return this.readiness(part, ({ status }) => status === 200);
  }

  /** Waits until a part says that it is not ready, and names what is away. */
  notReady(part: PartName, away: string): Promise<void> {
    return this.readiness(part, ({ status, text }) => status === 503 && text.includes(away));
  }

  private async readiness(
    part: PartName,
    reached: (answer: { status: number; text: string }) => boolean,
  ): Promise<void> {
    const deadline = Date.now() + 90_000;
    for (;;) {
      const answer = await this.askReady(part);
      if (reached(answer)) return;
      if (Date.now() > deadline) throw new Error(`${part}: ${answer.status} ${answer.text}`);
      await sleep(100);
    }
  }

  private async askReady(part: PartName): Promise<{ status: number; text: string }> {
    try {
      const response = await fetch(`${this.url(part)}/readyz`);
      return { status: response.status, text: await response.text() };
    } catch (error) {
      return { status: 0, text: String(error) };
    }
  }

  async end(): Promise<void> {
    this.ended = true;
    for (const child of this.processes) child.kill('SIGKILL');
    while (this.processes.size > 0) await sleep(20);
  }

  private supervise(
    name: string,
    command: string[],
    env: Record<string, string> = {},
  ): ChildProcess {
    const log = createWriteStream(path.join(this.folder, `${name}.log`), { flags: 'a' });
    const child = spawn(process.execPath, command, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    child.stderr.pipe(log);
    this.processes.add(child);
    child.on('exit', () => {
      this.processes.delete(child);
      if (!this.ended) this.supervise(name, command, env);
    });
    return child;
  }

  private config(kubeconfig: string): string {
    const { cluster, temporal } = lab();
    const file = path.join(this.folder, `${path.basename(kubeconfig)}.yaml`);
    writeFileSync(
      file,
      stringify({
        cluster: { name: this.cluster, kubeconfig, context: cluster.context },
        temporal: { ...temporal, ui: temporal.ui ?? undefined, taskQueue: this.taskQueue },
        artifacts: { directory: this.artifacts },
        ...this.settings,
        worker: { listen: `127.0.0.1:${this.ports.worker}`, ...this.settings.worker },
        detector: { listen: `127.0.0.1:${this.ports.detector}`, ...this.settings.detector },
        gateway: { listen: `127.0.0.1:${this.ports.gateway}` },
      }),
    );
    return file;
  }
}
