import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { badInput } from '../../model/errors';
import type { EvidenceRef } from '../../model/procedure';

/** Keeps evidence; histories hold only its references. */
export interface ArtifactStore {
  /**
   * Keeps a text under a name such as `<procedure>/<run>/start/owner.yaml`; the same name again replaces it.
   * @throws HomeostatError `bad-input` for a name that leaves the store.
   */
  put(name: string, content: string): Promise<EvidenceRef>;
  /**
   * The bytes behind a reference.
   * @throws HomeostatError `bad-input` for a reference that leaves the store or leads nowhere.
   */
  read(uri: string): Promise<Buffer>;
}

/** Bytes of one artifact; what goes beyond is cut off. */
const maxBytes = 5 * 1024 * 1024;

/** A store in a folder: an artifact is a file, and it is there wholly or not at all. */
export function createFolderStore({ directory }: { directory: string }): ArtifactStore {
  const root = path.resolve(directory);

  async function put(name: string, content: string): Promise<EvidenceRef> {
    const file = within(root, name);
    const bytes = bounded(content);
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    await writeWhole(file, bytes);
    return {
      name: path.basename(file),
      uri: path.relative(root, file).split(path.sep).join('/'),
      digest: createHash('sha256').update(bytes).digest('hex'),
      bytes: bytes.length,
    };
  }

  async function read(uri: string): Promise<Buffer> {
    const file = within(root, uri);
    try {
      return await readFile(file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      throw badInput(`artifact "${uri}"`, 'it is not in the store; name one that a report lists');
    }
  }

  return { put, read };
}

function within(root: string, name: string): string {
  const file = path.resolve(root, name);
  if (name.includes('\0') || path.isAbsolute(name) || !file.startsWith(root + path.sep)) {
    throw badInput(`artifact "${name}"`, 'name a file below the store');
  }
  return file;
}

function bounded(content: string): Buffer {
  const bytes = Buffer.from(content);
  if (bytes.length <= maxBytes) return bytes;
  const note = Buffer.from(
    `\n[cut off by Homeostat: ${bytes.length} bytes, ${maxBytes} are kept]\n`,
  );
  return Buffer.concat([bytes.subarray(0, maxBytes - note.length), note]);
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
