import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { copyFile, cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { HomeostatError } from '../../model/errors';
import { cached, keyOf } from './cache';
import { archive, fillBusybox } from './images';
import { findProgram, installPackages, staticBusybox } from './packages';
import { cacheRoot, projectRoot, shipped } from './paths';
import type { Progress } from './progress';

/** An image as nodes take it. */
export interface HomeostatImage {
  /** OCI archive. */
  file: string;
  repository: string;
  tag: string;
}

const repository = 'localhost/homeostat';

/** Where Debian and its images keep the authorities that a TLS client trusts. */
const authorities = '/etc/ssl/certs/ca-certificates.crt';

/** Homeostat's own image, by deploy/image/Dockerfile as in production, on a base of this machine's Node. */
export async function buildHomeostatImage(progress: Progress): Promise<HomeostatImage> {
  const missing = [
    { found: findProgram('buildah'), name: 'buildah' },
    { found: staticBusybox(), name: 'busybox-static' },
  ].filter(({ found }) => !found);
  await installPackages(
    missing.map(({ name }) => name),
    progress,
  );
  const tag = await keyOf(sources(), process.version, process.arch);
  const folder = await cached('homeostat-image', tag, async (draft) => {
    progress("building Homeostat's image (npm packages at the first time)");
    await build(await buildBase(), tag, path.join(draft, 'homeostat.tar'));
  });
  return { file: path.join(folder, 'homeostat.tar'), repository, tag };
}

/** Everything that the Dockerfile copies. */
function sources(): string[] {
  const files = ['package.json', 'package-lock.json', 'tsconfig.json', 'scripts/bundle.js'];
  const source = path.join(projectRoot, 'src');
  return [
    shipped('image', 'Dockerfile'),
    shipped('image', 'homeostat.js'),
    ...files.map((file) => path.join(projectRoot, file)),
    ...readdirSync(source, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name))
      .sort(),
  ];
}

/** Node and npm of this machine, a shell, and the libraries that they and Temporal's core load. */
async function buildBase(): Promise<string> {
  const key = await keyOf([], 'layout 2', process.version, process.arch);
  const folder = await cached('node-image', key, async (draft) => {
    const fill = async (root: string) => {
      await fillBusybox(root, staticBusybox() as string);
      await copyFile(process.execPath, path.join(root, 'bin', 'node'));
      await copyLibraries(root);
      const npm = path.join(root, 'lib', 'node_modules', 'npm');
      await cp(await npmFolder(), npm, { recursive: true });
      await symlink('../lib/node_modules/npm/bin/npm-cli.js', path.join(root, 'bin', 'npm'));
      await mkdir(path.join(root, 'usr'));
      await symlink('../bin', path.join(root, 'usr', 'bin'));
      const trusted = process.env.NODE_EXTRA_CA_CERTS ?? authorities;
      if (existsSync(trusted)) await cp(trusted, path.join(root, authorities));
    };
    await archive({ name: 'node', fill, entrypoint: [] }, path.join(draft, 'node.tar'));
  });
  return path.join(folder, 'node.tar');
}

async function copyLibraries(root: string): Promise<void> {
  const releases = path.join(projectRoot, 'node_modules', '@temporalio', 'core-bridge', 'releases');
  const machine = process.arch === 'x64' ? 'x86_64' : 'aarch64';
  const core = path.join(releases, `${machine}-unknown-linux-gnu`, 'index.node');
  const { stdout } = await execa('ldd', [process.execPath, core]);
  const libraries = new Set(stdout.match(/(?<=^\s+(?:.+ => )?)\/\S+(?= \(0x)/gm));
  for (const library of libraries)
    await cp(library, path.join(root, library), { dereference: true });
}

async function npmFolder(): Promise<string> {
  const { stdout } = await execa('npm', ['root', '--global']);
  return path.join(stdout.trim(), 'npm');
}

/**
 * Layers are kept beside the cache, so that npm's packages are fetched once; the mounts that
 * buildah leaves end with the namespace it runs in.
 */
async function build(base: string, tag: string, file: string): Promise<void> {
  const layers = path.join(cacheRoot(), '.buildah');
  await forgetLayers(layers);
  const work = await mkdtemp(path.join(tmpdir(), 'homeostat-image-'));
  const image = `${repository}:${tag}`;
  const buildah = (...args: string[]) => {
    const storage = ['--root', layers, '--runroot', path.join(work, 'run')];
    const command = ['buildah', ...storage, '--storage-driver', 'overlay', ...args];
    return execa(findProgram('unshare') ?? 'unshare', ['--mount', ...command], {
      cwd: projectRoot,
      all: true,
      reject: false,
      timeout: 20 * 60_000,
    });
  };
  try {
    const npmrc = path.join(work, 'npmrc');
    await writeFile(npmrc, npmSettings(), { mode: 0o600 });
    const from = `oci-archive:${base}`;
    const steps = [
      [
        ...['build', '--isolation', 'chroot', '--network', 'host', '--layers'],
        ...['--build-arg', `BUILD_IMAGE=${from}`, '--build-arg', `RUNTIME_IMAGE=${from}`],
        ...['--build-arg', `REVISION=${tag}`, '--secret', `id=npmrc,src=${npmrc}`],
        ...['-f', shipped('image', 'Dockerfile'), '-t', image, '.'],
      ],
      ['push', image, `oci-archive:${file}:${image}`],
    ];
    for (const step of steps) {
      const run = await buildah(...step);
      if (!run.failed) continue;
      const why = (run.all ?? '').trim().split('\n').slice(-12).join(' | ');
      throw new HomeostatError('failed', `buildah ${step[0]} failed: ${why}`);
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The user's own npm settings, such as a registry, for the build alone: no layer holds them. */
function npmSettings(): string {
  const own = process.env.NPM_CONFIG_USERCONFIG ?? path.join(homedir(), '.npmrc');
  const settings = existsSync(own) ? readFileSync(own, 'utf8') : '';
  return `${settings}\ncafile=${authorities}\n`;
}

const mostLayersMb = 6_000;

async function forgetLayers(folder: string): Promise<void> {
  if (!existsSync(folder)) return;
  const { stdout } = await execa('du', ['-sm', folder], { reject: false });
  if (Number.parseInt(stdout, 10) > mostLayersMb)
    await rm(folder, { recursive: true, force: true });
}
