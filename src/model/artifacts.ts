import type { EvidenceRef } from './procedure';

/** Keeps evidence; histories hold only its references. */
export interface ArtifactStore {
  /**
   * Keeps a text under a name such as `<procedure>/<run>/start/owner.yaml`; the same name again replaces it.
   * @throws HomeostatError `bad-input` for a name that leaves the store, `unreachable` when the store is away.
   */
  put(name: string, content: string): Promise<EvidenceRef>;
  /**
   * The bytes behind a reference.
   * @throws HomeostatError `bad-input` for a reference that leaves the store or leads nowhere, `unreachable` when the
   * store is away.
   */
  read(uri: string): Promise<Buffer>;
}

/** What a snapshot is of, and whose it is. */
export interface SnapshotName {
  workflowId: string;
  runId: string;
  /** When in the procedure: `start`, a rung, `end`. */
  label: string;
}

/** The folder of a snapshot in the store, by names that every store takes and that still tell one procedure from another. */
export function snapshotFolder({ workflowId, runId, label }: SnapshotName): string {
  return [workflowId, runId, label].map(safeName).join('/');
}

/** The label of the snapshot that a reference belongs to; empty for a reference of another form. */
export function snapshotLabel({ uri }: EvidenceRef): string {
  return uri.split('/')[2] ?? '';
}

/** The reference's name within its snapshot, such as `logs/web-1/main.log`. */
export function nameInSnapshot({ uri, name }: EvidenceRef): string {
  return uri.split('/').slice(3).join('/') || name;
}

function safeName(name: string): string {
  return name.replace(/[^\w.-]+/g, '_').replace(/^\.+/, '_');
}
