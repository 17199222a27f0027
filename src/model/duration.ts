import { badInput } from './errors';

const units = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

type Unit = keyof typeof units;

const pattern = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/;

/**
 * Milliseconds of a duration written `250ms`, `30s`, `5m`, `1h` or `7d`.
 * @throws HomeostatError `bad-input` that names `field` when it is written otherwise.
 */
export function parseDuration(text: string, field = 'duration'): number {
  const match = pattern.exec(text);
  if (!match) throw badInput(`${field} "${text}"`, 'write a duration such as 30s, 5m or 1h');
  return Number(match[1]) * units[match[2] as Unit];
}

/** A duration for people: `850 ms`, `4.2 s`, `3 m 20 s`, `2 h 5 m`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 1_000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1_000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} m ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} m`;
}
