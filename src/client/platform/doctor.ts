import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { KubeConfig } from '@kubernetes/client-node';
import { labAvailability, nativeObstacle } from './availability';
import { cacheEntries, isIntact } from './cache';
import { findCgroups } from './cgroups';
import { dockerAnswers } from './kind-cluster';
import { missingPackages } from './packages';
import { cacheRoot, platformNames, platformPaths, stateRoot } from './paths';
import { type Platform, readPlatform } from './platform';
import { defaultPorts, isFree } from './ports';
import { answersOk } from './probes';
import { isAlive } from './processes';
import { readRecord } from './records';
import { leftovers } from './teardown';
import { temporalReady } from './temporal-server';

/** One thing that was looked at. */
export interface Check {
  name: string;
  ok: boolean;
  detail: string;
  /** What to do when it is not ok. */
  mend: string | null;
}

const check = (name: string, ok: boolean, detail: string, mend: string): Check => ({
  name,
  ok,
  detail,
  mend: ok ? null : mend,
});

/** Looks at the machine, the cache and the platform: what is wrong, and how to mend it. */
export async function diagnose(name = 'default'): Promise<Check[]> {
  const platform = readPlatform(name);
  const here = [machine(), tools(), cgroups(), remains(), await ports(platform), await cache()];
  if (!platform) return here;
  return [
    ...here,
    supervisor(platform),
    parts(platform),
    await api(platform),
    await temporal(platform),
  ];
}

function machine(): Check {
  const { available, reason } = labAvailability();
  const how = nativeObstacle() ? 'by Docker' : 'natively';
  return check(
    'machine',
    available,
    reason ?? `a cluster can be made ${how}`,
    'run as root, start Docker, or give homeostat up --context',
  );
}

function tools(): Check {
  const missing = dockerAnswers() ? [] : missingPackages();
  return check(
    'tools',
    missing.length === 0,
    missing.length === 0 ? 'all there' : `missing: ${missing.join(', ')}`,
    `apt-get install -y --no-install-recommends ${missing.join(' ')} (up does it when root)`,
  );
}

function cgroups(): Check {
  const version = existsSync('/sys/fs/cgroup/cgroup.controllers') ? 2 : 1;
  const ok = existsSync('/sys/fs/cgroup');
  return check('cgroups', ok, ok ? `version ${version}` : 'not mounted', 'mount cgroups');
}

async function ports(platform: Platform | undefined): Promise<Check> {
  if (platform) return check('ports', true, 'taken by the platform', '');
  const busy: string[] = [];
  for (const [part, port] of Object.entries(defaultPorts)) {
    if (!(await isFree(port))) busy.push(`${port} (${part})`);
  }
  // Not a fault: up takes the next free one and says so.
  return check(
    'ports',
    true,
    busy.length > 0 ? `in use: ${busy.join(', ')}; up takes the next free` : 'free',
    '',
  );
}

async function cache(): Promise<Check> {
  const entries = await cacheEntries();
  const broken: string[] = [];
  for (const entry of entries) if (!(await isIntact(entry))) broken.push(entry);
  return check(
    'cache',
    broken.length === 0,
    broken.length > 0
      ? `damaged: ${broken.join(', ')}`
      : `${entries.length} entries in ${cacheRoot()}`,
    `up makes it anew; or rm -r ${broken.join(' ')}`,
  );
}

/** Of platforms whose supervisor is gone, and of folders that were removed by hand. */
function remains(): Check {
  const dead = platformNames()
    .map((name) => platformPaths(name))
    .filter((paths) => !isAlive(readRecord(paths)?.supervisor))
    .flatMap((paths) => [`platform ${paths.name} (${leftovers(paths).length} items)`]);
  const orphans = findCgroups((group) => {
    const [, prefix, name] = /^(homeostat-([a-z][-a-z0-9]*)-[0-9a-f]{4})-n\d+$/.exec(group) ?? [];
    const paths = name && platformPaths(name);
    return paths ? paths.cgroup === prefix && !existsSync(paths.state) : false;
  });
  const found = [...dead, ...orphans.map((group) => `cgroup ${group}`)];
  return check(
    'leftovers',
    found.length === 0,
    found.length === 0 ? `none in ${stateRoot()}` : found.join(', '),
    'homeostat down --name NAME takes it away, homeostat up --name NAME takes it up again',
  );
}

function supervisor(platform: Platform): Check {
  const { pid } = platform.supervisor;
  return check(
    'supervisor',
    pid !== null,
    pid ? `process ${pid}` : 'gone',
    'homeostat up takes over',
  );
}

function parts(platform: Platform): Check {
  const waiting = platform.parts.filter((part) => !part.ready);
  const held = waiting.filter((part) => part.held).map((part) => part.name);
  return check(
    'parts',
    waiting.length === 0,
    waiting.length === 0
      ? `${platform.parts.length} ready`
      : `not ready: ${waiting.map((part) => part.name).join(', ')}`,
    held.length > 0 ? `homeostat lab start ${held[0]}` : `see ${platform.logs}`,
  );
}

async function api({ cluster, logs }: Platform): Promise<Check> {
  const config = new KubeConfig();
  let ok = false;
  try {
    config.loadFromString(await readFile(cluster.kubeconfig, 'utf8'));
    const { server, caData } = config.getCurrentCluster() ?? { server: '' };
    const authority = caData && Buffer.from(caData, 'base64').toString();
    ok = await answersOk(`${server}/readyz`, authority || undefined);
  } catch {
    // No kubeconfig yet: not reachable.
  }
  return check('api', ok, ok ? 'answers' : 'does not answer', `see ${logs}/kube-apiserver.log`);
}

async function temporal({ temporal: { address }, logs }: Platform): Promise<Check> {
  const ok = await temporalReady(address)().catch(() => false);
  return check(
    'temporal',
    ok,
    `${address} ${ok ? 'answers' : 'does not answer'}`,
    `see ${logs}/temporal.log`,
  );
}
