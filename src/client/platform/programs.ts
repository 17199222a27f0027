import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { execa } from 'execa';
import { badInput, HomeostatError } from '../../model/errors';
import { cached, keyOf } from './cache';
import { findProgram, installPackages } from './packages';
import { cacheRoot, shipped } from './paths';
import type { Progress } from './progress';

export const kubernetesVersion = 'v1.34.4';

const kubernetesPackages = [
  'k8s.io/kubernetes/cmd/kube-apiserver',
  'k8s.io/kubernetes/cmd/kube-controller-manager',
  'k8s.io/kubernetes/cmd/kube-scheduler',
  'k8s.io/kubernetes/cmd/kube-proxy',
  'k8s.io/kubernetes/cmd/kubelet',
  './coredns',
];

/** What the modules under deploy/lab ask for, and the first Go that can fetch a newer one by itself. */
const goNeeded = [1, 24] as const;
const goFetchesItself = [1, 21] as const;

export interface Programs {
  /** Folder with kube-apiserver, kubelet and the other programs of the cluster, and coredns. */
  kubernetes: string;
  /** Folder with the programs of the lab's own images: shop, pause. */
  lab: string;
}

/** Builds what is not in the cache yet; the same sources are built once per machine. */
export async function buildPrograms(progress: Progress): Promise<Programs> {
  const module = shipped('lab', 'kubernetes');
  const at = (...parts: string[]) => path.join(module, ...parts);
  const kubernetes = await cached(
    'kubernetes',
    `${kubernetesVersion}-${await keyOf([at('go.mod'), at('go.sum'), at('coredns', 'main.go')], process.arch)}`,
    (draft) => buildKubernetes(module, draft, progress),
  );
  const lab = await buildLabPrograms(progress);
  // Some gigabytes that nothing needs again; until here they let an interrupted build go on.
  await rm(buildCache(), { recursive: true, force: true });
  return { kubernetes, lab };
}

/** The programs of the lab's own images; standard library only. */
export async function buildLabPrograms(progress: Progress): Promise<string> {
  const module = shipped('lab');
  const at = (...parts: string[]) => path.join(module, ...parts);
  const key = await keyOf(
    [at('go.mod'), at('shop', 'main.go'), at('pause', 'main.go')],
    process.arch,
  );
  return cached('programs', key, async (draft) => {
    progress('compiling the shop');
    await go(module, ['build', ...flags('-s -w'), '-o', `${draft}/`, './shop', './pause']);
  });
}

async function buildKubernetes(module: string, draft: string, progress: Progress): Promise<void> {
  progress(`fetching the sources of Kubernetes ${kubernetesVersion}`);
  const list = await go(module, ['list', '-deps', ...kubernetesPackages]);
  const total = list.stdout.split('\n').length;
  const stamp = `-X k8s.io/component-base/version.gitVersion=${kubernetesVersion}`;
  const what = `compiling Kubernetes ${kubernetesVersion} (once a machine), packages`;
  let done = 0;
  progress(what, done, total);
  await go(
    module,
    ['build', '-v', ...flags(`-s -w ${stamp}`), '-o', `${draft}/`, ...kubernetesPackages],
    () => progress(what, Math.min(++done, total), total),
  );
}

const flags = (linker: string) => [
  '-mod=readonly',
  '-trimpath',
  '-buildvcs=false',
  '-ldflags',
  linker,
];
const buildCache = () => path.join(cacheRoot(), '.go-build');

async function go(cwd: string, args: string[], onLine?: (line: string) => void) {
  const { command, env } = await findGo();
  await mkdir(buildCache(), { recursive: true });
  const run = execa(command, args, {
    cwd,
    env: { ...env, GOFLAGS: '', GOCACHE: buildCache(), CGO_ENABLED: '0', GOWORK: 'off' },
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
      `go ${args[0]} in ${cwd} failed: ${why}; run it again, it goes on where it stopped`,
    );
  }
  return result;
}

/** A Go that can build the modules, installed with apt where Debian has one that is new enough. */
async function findGo(): Promise<{ command: string; env: Record<string, string> }> {
  const command = goOnDisk() ?? (await installGo());
  const { stdout } = await execa(command, ['version'], { env: { GOTOOLCHAIN: 'local' } });
  const version = /go(\d+)\.(\d+)/.exec(stdout);
  const found = [Number(version?.[1]), Number(version?.[2])] as const;
  if (atLeast(found, goNeeded)) return { command, env: {} };
  if (atLeast(found, goFetchesItself)) return { command, env: { GOTOOLCHAIN: 'auto' } };
  throw goMissing(`Go ${found.join('.')} is too old to build Kubernetes`);
}

const atLeast = (found: readonly [number, number], needed: readonly [number, number]) =>
  found[0] > needed[0] || (found[0] === needed[0] && found[1] >= needed[1]);

const goOnDisk = () =>
  findProgram('go') ??
  ['/usr/local/go/bin/go', '/usr/lib/go/bin/go'].find((file) => existsSync(file));

async function installGo(): Promise<string> {
  const policy = await execa('apt-cache', ['policy', 'golang-go'], { reject: false });
  const candidate = /Candidate: \d+:(\d+)\.(\d+)/.exec(policy.stdout ?? '');
  if (candidate && atLeast([Number(candidate[1]), Number(candidate[2])], goFetchesItself)) {
    await installPackages(['golang-go'], () => undefined);
    const command = goOnDisk();
    if (command) return command;
  }
  throw goMissing('Go is missing, which builds Kubernetes');
}

const goMissing = (what: string) =>
  badInput(
    what,
    `install Go ${goNeeded.join('.')} or newer: curl -fsSL https://go.dev/dl/go1.26.8.linux-amd64.tar.gz | sudo tar -C /usr/local -xz`,
  );
