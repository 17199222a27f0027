import type { PodTemplate } from './objects';

const hashLabel = 'pod-template-hash';

/**
 * A pod template as it was meant: without what controllers and the API server add, so that a
 * workload's template and the copy in its ReplicaSet or ControllerRevision come out the same.
 */
export function normaliseTemplate(template: PodTemplate): PodTemplate {
  const clean = withoutNulls(template) as PodTemplate & { $patch?: string };
  delete clean.$patch;
  const { metadata } = clean;
  if (!metadata) return clean;
  delete metadata.creationTimestamp;
  delete metadata.labels?.[hashLabel];
  for (const key of ['labels', 'annotations'] as const) {
    if (metadata[key] && Object.keys(metadata[key]).length === 0) delete metadata[key];
  }
  return clean;
}

/** JSON with sorted keys: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(sorted(value));
}

/** Whether two pod templates mean the same. */
export function sameTemplate(
  one: PodTemplate | undefined,
  other: PodTemplate | undefined,
): boolean {
  if (!one || !other) return false;
  return canonicalJson(normaliseTemplate(one)) === canonicalJson(normaliseTemplate(other));
}

function withoutNulls(value: unknown): unknown {
  return mapEntries(value, withoutNulls, (entries) =>
    entries.filter(([, inner]) => inner !== null && inner !== undefined),
  );
}

function sorted(value: unknown): unknown {
  return mapEntries(value, sorted, (entries) =>
    entries.sort(([one], [other]) => (one < other ? -1 : 1)),
  );
}

type Entries = [string, unknown][];

function mapEntries(
  value: unknown,
  map: (inner: unknown) => unknown,
  arrange: (entries: Entries) => Entries,
): unknown {
  if (Array.isArray(value)) return value.map(map);
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  const entries = arrange(Object.entries(value));
  return Object.fromEntries(entries.map(([key, inner]) => [key, map(inner)]));
}
