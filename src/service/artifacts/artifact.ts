import { createHash } from 'node:crypto';
import path from 'node:path';
import { badInput } from '../../model/errors';
import type { EvidenceRef } from '../../model/procedure';

/** Bytes of one artifact; what goes beyond is cut off. */
const maxBytes = 5 * 1024 * 1024;

/** The bytes that are kept of a text; a text that is cut off says so. */
export function bounded(content: string): Buffer {
  const bytes = Buffer.from(content);
  if (bytes.length <= maxBytes) return bytes;
  const note = Buffer.from(
    `\n[cut off by Homeostat: ${bytes.length} bytes, ${maxBytes} are kept]\n`,
  );
  return Buffer.concat([bytes.subarray(0, maxBytes - note.length), note]);
}

/** The reference that proves what was kept. */
export function referenceTo(uri: string, bytes: Buffer): EvidenceRef {
  return { name: path.posix.basename(uri), uri, digest: digestOf(bytes), bytes: bytes.length };
}

/** SHA-256, hex. */
export function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * A name as it is kept, without detours.
 * @throws HomeostatError `bad-input` for a name that leaves the store.
 */
export function nameWithin(name: string): string {
  const normal = path.posix.normalize(name);
  const leaves = normal === '.' || normal === '..' || normal.startsWith('../');
  if (leaves || path.posix.isAbsolute(normal) || name.includes('\0') || normal.endsWith('/')) {
    throw badInput(`artifact "${name}"`, 'name a file below the store');
  }
  return normal;
}

/** Nothing lies behind a reference. */
export function notInStore(uri: string) {
  return badInput(`artifact "${uri}"`, 'it is not in the store; name one that a report lists');
}
