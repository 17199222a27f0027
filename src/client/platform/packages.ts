import { accessSync, constants, existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { execa, execaSync } from 'execa';
import { badInput } from '../../model/errors';
import { withLock } from './lock';
import { cacheRoot } from './paths';
import type { Progress } from './progress';

/** A program the native cluster needs and the Debian package that brings it. */
const tools = [
  { program: 'etcd', package: 'etcd-server' },
  { program: 'containerd', package: 'containerd' },
  { program: 'ctr', package: 'containerd' },
  { program: 'runc', package: 'runc' },
  { program: 'bridge', package: 'containernetworking-plugins', find: () => cniPlugins() },
  { program: 'busybox', package: 'busybox-static', find: () => staticBusybox() },
  { program: 'nft', package: 'nftables' },
  { program: 'ip', package: 'iproute2' },
  { program: 'nsenter', package: 'util-linux' },
  { program: 'umount', package: 'mount' },
  { program: 'openssl', package: 'openssl' },
] as const satisfies { program: string; package: string; find?: () => string | undefined }[];

/** What monitoring needs beside the tools that are built. */
const monitoringTools = [
  { program: 'prometheus', package: 'prometheus' },
  { program: 'prometheus-alertmanager', package: 'prometheus-alertmanager' },
] as const;

/** PATH with the system's folders, which even root's often lacks. */
export const systemPath = () =>
  `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin`;

/** Where a program lies. */
export function findProgram(name: string): string | undefined {
  return systemPath()
    .split(':')
    .filter(Boolean)
    .map((folder) => path.join(folder, name))
    .find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The folder of the CNI plugins: Debian's or the upstream one. */
export function cniPlugins(): string | undefined {
  return ['/usr/lib/cni', '/opt/cni/bin'].find((folder) => existsSync(path.join(folder, 'bridge')));
}

/** A busybox that runs in an image that holds nothing else. */
export function staticBusybox(): string | undefined {
  const busybox = findProgram('busybox');
  if (!busybox) return undefined;
  // ldd fails for a program without an interpreter.
  return execaSync('ldd', [busybox], { reject: false }).exitCode === 0 ? undefined : busybox;
}

/** Debian packages that the native cluster still lacks. */
export function missingPackages(): string[] {
  const missing = tools.filter((tool) =>
    'find' in tool ? !tool.find() : !findProgram(tool.program),
  );
  return [...new Set(missing.map((tool) => tool.package))];
}

/** Debian packages that monitoring still lacks. */
export const missingMonitoring = () =>
  monitoringTools.filter((tool) => !findProgram(tool.program)).map((tool) => tool.package);

/**
 * Installs packages with apt when root, without letting their services start.
 * @throws HomeostatError `bad-input` with the exact command where that is not possible.
 */
export async function installPackages(packages: string[], progress: Progress): Promise<void> {
  if (packages.length === 0) return;
  const command = `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  if (process.getuid?.() !== 0 || !findProgram('apt-get')) {
    throw badInput(`missing: ${packages.join(', ')}`, `run: sudo ${command}`);
  }
  progress(`installing Debian packages: ${packages.join(', ')}`);
  await withLock(path.join(cacheRoot(), '.apt.lock'), () =>
    withoutServices(async () => {
      const env = { DEBIAN_FRONTEND: 'noninteractive' };
      const apt = (...args: string[]) =>
        execa('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=120', ...args], {
          env,
          all: true,
          reject: false,
          stdin: 'ignore',
          timeout: 600_000,
        });
      await apt('update');
      const installed = await apt('install', '-y', '--no-install-recommends', ...packages);
      if (installed.failed) {
        const lines = installed.all?.trim().split('\n').slice(-3).join(' | ');
        throw badInput(
          `apt could not install ${packages.join(', ')} (${lines})`,
          `run: ${command}`,
        );
      }
    }),
  );
}

/** Debian asks this file whether a package may start its service; ours says no while we live. */
async function withoutServices(work: () => Promise<void>): Promise<void> {
  const policy = '/usr/sbin/policy-rc.d';
  if (existsSync(policy)) return work();
  const script = `#!/bin/sh\n[ -d /proc/${process.pid} ] && exit 101\nexit 0\n`;
  await writeFile(policy, script, { mode: 0o755 });
  try {
    await work();
    await disableServices();
  } finally {
    await rm(policy, { force: true });
  }
}

/** What was installed for the lab must not start at the next boot either. */
async function disableServices(): Promise<void> {
  if (!existsSync('/run/systemd/system')) return;
  const services = ['etcd', 'containerd', 'prometheus', 'prometheus-alertmanager'];
  await execa('systemctl', ['disable', ...services.map((name) => `${name}.service`)], {
    reject: false,
  });
}
