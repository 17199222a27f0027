import { createHash } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { withLock } from './lock';
import { cacheRoot } from './paths';

const manifest = 'SHA256SUMS';
const families = [
  'kubernetes',
  'programs',
  'images',
  'temporal-cli',
  'tools',
  'node-image',
  'homeostat-image',
] as const;
const monthMs = 30 * 24 * 3_600_000;

/** A short key of everything that decides what is built: the same sources give the same key. */
export async function keyOf(files: string[], ...more: string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const file of files) hash.update(path.basename(file)).update(await readFile(file));
  for (const text of more) hash.update(text);
  return hash.digest('hex').slice(0, 12);
}

/** Whether every file of a cache entry is there as it was written. */
export async function isIntact(entry: string): Promise<boolean> {
  try {
    const lines = (await readFile(path.join(entry, manifest), 'utf8')).trim().split('\n');
    for (const line of lines) {
      const [sum, name] = line.split('  ');
      if ((await sumOf(path.join(entry, name ?? ''))) !== sum) return false;
    }
    return true;
  } catch {
    return false;
  }
}

/** Node's own SHA-256 uses the processor's instructions: some times faster than sha256sum. */
async function sumOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1024 * 1024 }), hash);
  return hash.digest('hex');
}

/** Written as sha256sum does, so that people can check it too. */
async function writeManifest(folder: string): Promise<void> {
  const lines = (await readdir(folder)).map(
    async (name) => `${await sumOf(path.join(folder, name))}  ${name}\n`,
  );
  await writeFile(path.join(folder, manifest), (await Promise.all(lines)).join(''));
}

/**
 * The folder of a cache entry: taken when intact, else made by `build` into a draft folder that
 * becomes the entry in one step. An interrupted build leaves a draft, never half an entry.
 */
export async function cached(
  family: (typeof families)[number],
  key: string,
  build: (draft: string) => Promise<void>,
): Promise<string> {
  const entry = path.join(cacheRoot(), `${family}-${key}`);
  if (await isIntact(entry)) return used(entry);
  return withLock(path.join(cacheRoot(), `.${family}.lock`), async () => {
    if (await isIntact(entry)) return used(entry);
    const draft = path.join(cacheRoot(), `.${family}.draft`);
    await rm(draft, { recursive: true, force: true });
    await rm(entry, { recursive: true, force: true });
    await mkdir(draft, { recursive: true });
    await build(draft);
    await writeManifest(draft);
    await rename(draft, entry);
    await prune(family, entry);
    return entry;
  });
}

async function used(entry: string): Promise<string> {
  const now = new Date();
  await utimes(entry, now, now);
  return entry;
}

/** Entries of other versions that nothing has used for a month. */
async function prune(family: string, current: string): Promise<void> {
  for (const name of await readdir(cacheRoot())) {
    const entry = path.join(cacheRoot(), name);
    if (!name.startsWith(`${family}-`) || entry === current) continue;
    if (Date.now() - (await stat(entry)).mtimeMs > monthMs) {
      await rm(entry, { recursive: true, force: true });
    }
  }
}

/** The platform's entries of the cache, by path; others may keep theirs beside them. */
export async function cacheEntries(): Promise<string[]> {
  if (!existsSync(cacheRoot())) return [];
  return (await readdir(cacheRoot()))
    .filter((name) => families.some((family) => name.startsWith(`${family}-`)))
    .map((name) => path.join(cacheRoot(), name));
}
