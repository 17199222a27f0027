import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import { badInput, HomeostatError, unreachable } from '../../model/errors';
import { type PlatformPaths, platformPaths } from './paths';
import { isAlive } from './processes';
import { readDesired, readRecord, readStatus, writeDesired } from './records';
import { withPlatformLock } from './up';

/**
 * Holds a part of a platform down until `releasePart`; resolves when it has ended.
 * `kill` ends it with SIGKILL instead of asking it to end.
 */
export async function holdPart(part: string, name = 'default', kill = false): Promise<void> {
  const paths = platformPaths(name);
  if (await ofKind(paths, part, 'stop')) return;
  await change(paths, part, (held) => [...held, { part, kill }]);
  await until(paths, part, 'end', (state) => state.held && !isAlive(state.process));
}

/** Lets a part that was held down run again; resolves when it is ready. */
export async function releasePart(part: string, name = 'default'): Promise<void> {
  const paths = platformPaths(name);
  if (await ofKind(paths, part, 'start')) return;
  await change(paths, part, (held) => held);
  await until(paths, part, 'get ready', (state) => state.ready && !state.held);
}

type Held = { part: string; kill: boolean }[];

async function change(
  paths: PlatformPaths,
  part: string,
  next: (others: Held) => Held,
): Promise<void> {
  if (!isAlive(readRecord(paths)?.supervisor)) {
    throw unreachable(`platform "${paths.name}"`, 'bring it up with homeostat up');
  }
  const known = readStatus(paths)?.parts.map(({ name }) => name) ?? [];
  if (readStatus(paths)?.parts.some(({ name, observed }) => name === part && observed)) {
    throw badInput(`part "${part}"`, 'it runs in the cluster: scale its Deployment with kubectl');
  }
  if (!known.includes(part)) throw badInput(`part "${part}"`, `there are: ${known.join(', ')}`);
  await withPlatformLock(async () => {
    const desired = readDesired(paths);
    if (!desired) return;
    const others = desired.held.filter((held) => held.part !== part);
    writeDesired(paths, { ...desired, held: next(others) });
  });
}

type State = NonNullable<ReturnType<typeof readStatus>>['parts'][number];

async function until(
  paths: PlatformPaths,
  part: string,
  what: string,
  reached: (state: State) => boolean,
): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    const state = readStatus(paths)?.parts.find(({ name }) => name === part);
    if (state && reached(state)) return;
    await sleep(50);
  }
  throw new HomeostatError('failed', `${part} did not ${what} within a minute: see ${paths.logs}`);
}

/** The nodes of a kind cluster are containers. */
async function ofKind(
  paths: PlatformPaths,
  part: string,
  verb: 'stop' | 'start',
): Promise<boolean> {
  const cluster = readRecord(paths)?.cluster;
  const node = /^node-(\d+)$/.exec(part);
  if (cluster?.kind !== 'kind' || !node) return false;
  const number = node[1] === '1' ? '' : node[1];
  await execa('docker', [verb, `${cluster.cluster}-worker${number}`]);
  return true;
}
