import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { badInput, HomeostatError } from '../../model/errors';
import { findProgram, installPackages } from './packages';
import { cacheRoot } from './paths';
import type { Progress } from './progress';

/** A Go module shipped under `deploy/`, and what is built of it. */
export interface GoModule {
  name: string;
  folder: string;
  /** The least Go that builds it, major and minor. */
  goVersion: readonly [number, number];
  packages: readonly string[];
  /** The linker's flags. */
  linker: string;
}

/** The first Go that can fetch a newer one by itself. */
const fetchesItself = [1, 21] as const;

/**
 * Builds a module's programs into a folder, and tells how far it is; the same everywhere.
 * @throws HomeostatError `failed` with the compiler's last lines; the next try goes on from there.
 */
export async function compile(
  module: GoModule,
  what: string,
  into: string,
  progress: Progress,
): Promise<void> {
  const { packages, linker } = module;
  progress(`fetching the sources of ${what}`);
  const list = await go(module, ['list', '-deps', ...packages]);
  const total = list.stdout.split('\n').length;
  const step = `compiling ${what} (once a machine), packages`;
  let done = 0;
  progress(step, done, total);
  const flags = ['-mod=readonly', '-trimpath', '-buildvcs=false', '-ldflags', linker];
  await go(module, ['build', '-v', ...flags, '-o', `${into}/`, ...packages], () =>
    progress(step, Math.min(++done, total), total),
  );
  // Some gigabytes that nothing needs again; until here they let an interrupted build go on.
  await rm(buildCache(module), { recursive: true, force: true });
}

const buildCache = ({ name }: GoModule) => path.join(cacheRoot(), `.go-build-${name}`);

async function go(module: GoModule, args: string[], onLine?: (line: string) => void) {
  const { command, env } = await findGo(module);
  await mkdir(buildCache(module), { recursive: true });
  const run = execa(command, args, {
    cwd: module.folder,
    env: { ...env, GOFLAGS: '', GOCACHE: buildCache(module), CGO_ENABLED: '0', GOWORK: 'off' },
    lines: false,
    reject: false,
    timeout: 45 * 60_000,
  });
  const errors: string[] = [];
  for await (const line of run.iterable({ from: 'stderr' })) {
    errors.push(line);
    if (errors.length > 20) errors.shift();
    onLine?.(line);
  }
  const result = await run;
  if (result.failed) {
    const why = result.timedOut ? 'took longer than 45 minutes' : errors.slice(-5).join(' | ');
    throw new HomeostatError(
      'failed',
      `go ${args[0]} in ${module.folder} failed: ${why}; run it again, it goes on where it stopped`,
    );
  }
  return result;
}

/** A Go that can build the module, installed with apt where Debian has one that is new enough. */
async function findGo(module: GoModule): Promise<{ command: string; env: Record<string, string> }> {
  const command = goOnDisk() ?? (await installGo(module));
  const { stdout } = await execa(command, ['version'], { env: { GOTOOLCHAIN: 'local' } });
  const version = /go(\d+)\.(\d+)/.exec(stdout);
  const found = [Number(version?.[1]), Number(version?.[2])] as const;
  if (atLeast(found, module.goVersion)) return { command, env: {} };
  if (atLeast(found, fetchesItself)) return { command, env: { GOTOOLCHAIN: 'auto' } };
  throw goMissing(`Go ${found.join('.')} is too old to build ${module.name}`, module);
}

const atLeast = (found: readonly [number, number], needed: readonly [number, number]) =>
  found[0] > needed[0] || (found[0] === needed[0] && found[1] >= needed[1]);

const goOnDisk = () =>
  findProgram('go') ??
  ['/usr/local/go/bin/go', '/usr/lib/go/bin/go'].find((file) => existsSync(file));

async function installGo(module: GoModule): Promise<string> {
  const policy = await execa('apt-cache', ['policy', 'golang-go'], { reject: false });
  const candidate = /Candidate: \d+:(\d+)\.(\d+)/.exec(policy.stdout ?? '');
  if (candidate && atLeast([Number(candidate[1]), Number(candidate[2])], fetchesItself)) {
    await installPackages(['golang-go'], () => undefined);
    const command = goOnDisk();
    if (command) return command;
  }
  throw goMissing(`Go is missing, which builds ${module.name}`, module);
}

const goMissing = (what: string, { goVersion }: GoModule) =>
  badInput(
    what,
    `install Go ${goVersion.join('.')} or newer: curl -fsSL https://go.dev/dl/go1.26.8.linux-amd64.tar.gz | sudo tar -C /usr/local -xz`,
  );
