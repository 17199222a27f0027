import { randomUUID } from 'node:crypto';
import { mkdir, open, opendir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import path from 'node:path';
import type { ArtifactStore } from '../../model/artifacts';
import { messageOf, unreachable } from '../../model/errors';
import type { EvidenceRef } from '../../model/procedure';
import { bounded, nameWithin, notInStore, referenceTo } from './artifact';

/** A store in a folder: an artifact is a file, and it is there wholly or not at all. */
export function createFolderStore({ directory }: { directory: string }): ArtifactStore {
  const root = path.resolve(directory);

  async function put(name: string, content: string): Promise<EvidenceRef> {
    const uri = nameWithin(name);
    const bytes = bounded(content);
    const file = path.join(root, uri);
    try {
      await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
      await writeWhole(file, bytes);
    } catch (error) {
      throw away(root, error);
    }
    return referenceTo(uri, bytes);
  }

  async function read(uri: string): Promise<Buffer> {
    const file = path.join(root, nameWithin(uri));
    try {
      return await readFile(file);
    } catch (error) {
      throw isAbsent(error) ? notInStore(uri) : away(root, error);
    }
  }

  return { put, read };
}

/**
 * Removes the artifacts of a folder that were written before a time, and the folders that this leaves empty.
 * @returns how many artifacts were removed.
 */
export async function pruneFolder(directory: string, before: number): Promise<number> {
  let removed = 0;
  const entries = await opendir(directory).catch((error: unknown) => {
    if (isAbsent(error)) return [];
    throw error;
  });
  for await (const entry of entries) {
    const file = path.join(directory, entry.name);
    if (entry.isDirectory()) {
      removed += await pruneFolder(file, before);
      if (await isOlder(file, before)) await rmdir(file).catch(() => undefined);
    } else if (await isOlder(file, before)) {
      await rm(file, { force: true });
      removed += 1;
    }
  }
  return removed;
}

/** A folder that was emptied just now is left to the next round: somebody may be writing into it. */
async function isOlder(file: string, before: number): Promise<boolean> {
  const found = await stat(file).catch(() => undefined);
  return found !== undefined && found.mtimeMs < before;
}

const isAbsent = (error: unknown) => (error as NodeJS.ErrnoException).code === 'ENOENT';

function away(root: string, error: unknown) {
  return unreachable(
    `artifact folder ${root} (${messageOf(error)})`,
    'make it a folder that Homeostat can write, or set artifacts.directory',
    error,
  );
}

/** A reader, or a crash, meets the old file or the new one, never a part. */
async function writeWhole(file: string, bytes: Buffer): Promise<void> {
  const temporary = `${file}.${randomUUID()}.tmp`;
  try {
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
