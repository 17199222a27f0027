import { createHash } from 'node:crypto';
import { type ArtifactStore, nameInSnapshot, snapshotLabel } from '../../model/artifacts';
import { HomeostatError, messageOf } from '../../model/errors';
import type { EvidenceRef } from '../../model/procedure';
import { redactText } from '../../model/redact';
import type { Artifact } from '../../model/report';

/** Of one artifact; the rest is in the store. */
const mostBytes = 128 * 1024;
/** Of all artifacts of a report. */
const mostBytesInAll = 4 * 1024 * 1024;

/**
 * Reads evidence for a report: each artifact checked against its recorded digest, masked once more, and cut off
 * where it is long. What cannot be read is said so; nothing is thrown.
 */
export async function readEvidence(
  store: ArtifactStore,
  references: EvidenceRef[],
): Promise<Artifact[]> {
  const artifacts: Artifact[] = [];
  let left = mostBytesInAll;
  for (const reference of references) {
    const artifact = await readOne(store, reference, Math.min(left, mostBytes));
    left -= Buffer.byteLength(artifact.text ?? '');
    artifacts.push(artifact);
  }
  return artifacts;
}

async function readOne(
  store: ArtifactStore,
  reference: EvidenceRef,
  most: number,
): Promise<Artifact> {
  const known = {
    ...reference,
    label: snapshotLabel(reference),
    path: nameInSnapshot(reference),
  };
  if (most <= 0) {
    return { ...known, integrity: 'unread', why: 'the report is full; it is in the store' };
  }
  let bytes: Buffer;
  try {
    bytes = await store.read(reference.uri);
  } catch (error) {
    const missing = error instanceof HomeostatError && error.code === 'bad-input';
    const why = missing ? 'the store has it no more' : messageOf(error);
    return { ...known, integrity: missing ? 'missing' : 'unread', why };
  }
  if (createHash('sha256').update(bytes).digest('hex') !== reference.digest) {
    return { ...known, integrity: 'altered', why: 'it is not what was kept, so it is not shown' };
  }
  // The net that was there when it was kept may have been wider meshed than today's.
  const text = redactText(bytes.subarray(0, most).toString());
  return { ...known, integrity: 'intact', text, cut: bytes.length > most };
}
