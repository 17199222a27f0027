import { spawn } from 'node:child_process';
import { closeSync, copyFileSync, mkdirSync, openSync, statSync, truncateSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { systemPath } from './packages';
import type { PlatformPaths } from './paths';
import { end, identify, isAlive, markVariable, type ProcessIdentity } from './processes';
import {
  type Desired,
  type PartStatus,
  readDesired,
  readStatus,
  type Status,
  writeStatus,
} from './records';

/** A process that a platform keeps running. */
export interface Part {
  name: string;
  command: readonly [string, ...string[]];
  env?: Record<string, string | undefined>;
  /** Whether it serves; a check that fails or throws means no. */
  ready: () => Promise<boolean>;
  /** How long it may take to end by itself. */
  graceMs?: number;
}

const tickMs = 200;
const readyCheckMs = 2_000;
const longLifeMs = 30_000;
const maxLogBytes = 20 * 1024 * 1024;

/** How long to wait before a part that died is started again, by how often it died lately. */
export function backoffMs(deaths: number): number {
  return Math.min(250 * 2 ** Math.max(0, deaths - 1), 10_000);
}

/**
 * Keeps parts running: starts each, or adopts it from a supervisor that died, starts it again when
 * it dies, holds it down when that is wanted, and writes what is to the status file.
 */
export class Supervisor {
  readonly status: Status;
  private readonly recorded: PartStatus[];
  private stopping = false;
  private wanted: Desired = { nodes: 3, bare: false, held: [] };
  private wantedAt = 0;

  constructor(private readonly paths: PlatformPaths) {
    this.recorded = readStatus(paths)?.parts ?? [];
    this.status = {
      phase: 'starting',
      step: 'starting',
      nodes: 0,
      agents: false,
      monitoring: false,
      parts: this.recorded,
    };
    mkdirSync(paths.logs, { recursive: true });
  }

  /** What is wanted; the file is looked at some times a second, however many parts ask. */
  desired(): Desired {
    if (Date.now() - this.wantedAt >= tickMs / 2) {
      this.wanted = readDesired(this.paths) ?? this.wanted;
      this.wantedAt = Date.now();
    }
    return this.wanted;
  }

  /** Says what is going on. */
  update(change: Partial<Status>): void {
    Object.assign(this.status, change);
    writeStatus(this.paths, this.status);
  }

  /** Looks after a part from now on; resolves when it is ready for the first time. */
  keep(part: Part): Promise<void> {
    return new Promise((resolve, reject) => {
      this.look(part, resolve).catch(reject);
    });
  }

  /** Shows a part that something else keeps running. */
  observe(name: string, ready: () => Promise<boolean>): void {
    const state = this.stateOf(name);
    this.change(state, { observed: true, ready: true });
    void (async () => {
      while (!this.stopping) {
        this.change(state, { ready: await ready().catch(() => false) });
        await sleep(readyCheckMs / 2);
      }
    })();
  }

  /** No part is started again from now on. */
  stop(): void {
    this.stopping = true;
  }

  private async look(part: Part, readyOnce: () => void): Promise<void> {
    const state = this.stateOf(part.name);
    let deaths = 0;
    while (!this.stopping) {
      if (this.hold(part) && !isAlive(state.process)) {
        this.change(state, { held: true });
        await sleep(tickMs);
        continue;
      }
      const born = Date.now();
      const adopted = isAlive(state.process);
      this.change(state, { process: adopted ? state.process : this.start(part), held: false });
      await this.accompany(part, state, readyOnce);
      this.change(state, { process: undefined, ready: false });
      if (this.stopping || this.hold(part)) continue;
      deaths = Date.now() - born > longLifeMs ? 1 : deaths + 1;
      this.change(state, { restarts: state.restarts + 1 });
      await sleep(backoffMs(deaths));
    }
  }

  /** Returns when the process has ended, by itself or since it is to be held down. */
  private async accompany(part: Part, state: PartStatus, readyOnce: () => void): Promise<void> {
    let nextCheck = 0;
    while (isAlive(state.process) && !this.stopping) {
      const hold = this.hold(part);
      if (hold) {
        this.change(state, { held: true, ready: false });
        await end([state.process as ProcessIdentity], hold.kill ? 0 : (part.graceMs ?? 2_000));
        return;
      }
      if (Date.now() >= nextCheck) {
        const ready = await part.ready().catch(() => false);
        this.change(state, { ready: ready && isAlive(state.process) });
        if (state.ready) readyOnce();
        nextCheck = Date.now() + (state.ready ? readyCheckMs : 0);
        boundLog(this.logOf(part));
      }
      await sleep(tickMs);
    }
  }

  private start(part: Part): ProcessIdentity | undefined {
    const log = this.logOf(part);
    mkdirSync(path.dirname(log), { recursive: true });
    const output = openSync(log, 'a', 0o600);
    const [command, ...args] = part.command;
    const child = spawn(command, args, {
      // A session of its own: the parts outlive a supervisor that is killed, and are adopted.
      detached: true,
      stdio: ['ignore', output, output],
      env: { ...process.env, PATH: systemPath(), ...part.env, [markVariable]: this.paths.state },
    });
    closeSync(output);
    child.on('error', () => undefined);
    child.unref();
    return child.pid === undefined ? undefined : identify(child.pid);
  }

  private hold(part: Part) {
    return this.desired().held.find((held) => held.part === part.name);
  }

  private logOf(part: Part): string {
    return path.join(this.paths.logs, `${part.name.replaceAll('/', '-')}.log`);
  }

  private stateOf(name: string): PartStatus {
    const known = this.recorded.find((part) => part.name === name);
    if (known) return Object.assign(known, { ready: false, held: false });
    const state: PartStatus = { name, ready: false, held: false, restarts: 0 };
    this.status.parts.push(state);
    return state;
  }

  private change(state: PartStatus, change: Partial<PartStatus>): void {
    const before = JSON.stringify(state);
    Object.assign(state, change);
    if (JSON.stringify(state) !== before) writeStatus(this.paths, this.status);
  }
}

/** Keeps one older log beside the current one; parts append, so the file may be cut under them. */
function boundLog(log: string): void {
  try {
    if (statSync(log).size < maxLogBytes) return;
    copyFileSync(log, `${log}.1`);
    truncateSync(log);
  } catch {
    // It is looked at again in a moment.
  }
}
