import { Cron } from 'croner';
import { formatDuration } from '../duration';
import type { Gate } from '../procedure';
import type { Target } from '../target';

/** A time that comes again and again: in it procedures may act (`allow`), or may not (`freeze`). */
export interface MaintenanceWindow {
  name: string;
  kind: 'allow' | 'freeze';
  /** When it begins: minute, hour, day of month, month, day of week, on the clock of its time zone. */
  cron: string;
  durationMs: number;
  /** By the IANA's name, such as Europe/Berlin. */
  timeZone: string;
  /** Only for targets in these namespaces; none means the whole cluster. */
  namespaces: string[];
}

/** Where a window is: whether it is open, and when that changes; times in milliseconds since the epoch. */
export interface WindowPhase {
  open: boolean;
  /** Absent where it never opens again. */
  until?: number;
}

/** What is wrong with a window: the field, and what would be right. */
export interface WindowProblem {
  field: keyof MaintenanceWindow;
  mend: string;
}

/** So many of a window's coming times are looked at to find out whether it can be. */
const timesLookedAt = 60;

/** Where a window is at `now`. */
export function phaseOf(window: MaintenanceWindow, now: number): WindowPhase {
  const { durationMs } = window;
  // The first time that has not ended yet: times never overlap, since a window is shorter than its period.
  const [begin] = beginsOf(window, now - durationMs, 1);
  if (begin === undefined) return { open: false };
  return begin <= now ? { open: true, until: begin + durationMs } : { open: false, until: begin };
}

/** The gate that the windows shut for a target, or undefined; `phases` stand beside `windows`. */
export function windowGate(
  windows: readonly MaintenanceWindow[],
  phases: readonly WindowPhase[],
  target: Target,
): Gate | undefined {
  const applying = windows.flatMap((window, index) =>
    appliesTo(window, target) ? [{ ...window, ...phases[index]! }] : [],
  );
  const frozen = applying.filter(({ kind, open }) => kind === 'freeze' && open);
  if (frozen.length > 0) {
    const last = frozen.reduce((a, b) => ((b.until ?? 0) > (a.until ?? 0) ? b : a));
    return { gate: 'frozen', reason: `the freeze ${last.name} is on`, until: iso(last.until) };
  }
  const allowing = applying.filter(({ kind }) => kind === 'allow');
  if (allowing.length === 0 || allowing.some(({ open }) => open)) return undefined;
  const opens = allowing.flatMap(({ until }) => until ?? []);
  const names = allowing.map(({ name }) => name).join(', ');
  return {
    gate: 'outside-window',
    reason: `nothing is done outside the window ${names}`,
    until: iso(opens.length > 0 ? Math.min(...opens) : undefined),
  };
}

/** When the windows that apply to a target change next; Infinity when never. */
export function nextWindowChange(
  windows: readonly MaintenanceWindow[],
  phases: readonly WindowPhase[],
  target: Target,
): number {
  const times = windows.map((window, index) =>
    appliesTo(window, target) ? (phases[index]!.until ?? Infinity) : Infinity,
  );
  return Math.min(Infinity, ...times);
}

/**
 * Why a window cannot be, or undefined when it can.
 * @param now milliseconds since the epoch, from which on it must come.
 */
export function windowProblem(value: unknown, now: number): WindowProblem | undefined {
  const window = (value ?? {}) as MaintenanceWindow;
  if (typeof window.name !== 'string' || window.name.trim() === '')
    return { field: 'name', mend: 'give it a name' };
  if (window.kind !== 'allow' && window.kind !== 'freeze')
    return { field: 'kind', mend: 'write allow or freeze' };
  if (!Array.isArray(window.namespaces) || !window.namespaces.every(isText))
    return { field: 'namespaces', mend: 'write a list of namespaces' };
  if (!isTimeZone(window.timeZone))
    return { field: 'timeZone', mend: 'name a time zone such as Europe/Berlin or UTC' };
  if (!(window.durationMs > 0))
    return { field: 'durationMs', mend: 'write a duration above 0, such as 2h' };
  return timesProblem(window, now);
}

/** Why a window never lets anything happen beside the others, or undefined. */
export function windowContradiction(
  window: MaintenanceWindow,
  others: readonly MaintenanceWindow[],
  now: number,
): WindowProblem | undefined {
  if (others.some(({ name }) => name === window.name))
    return { field: 'name', mend: 'give each window a name of its own' };
  if (window.kind === 'freeze') return undefined;
  const begins = beginsOf(window, now, timesLookedAt);
  const over = others.find((other) => freezesAll(other, window, begins));
  return (
    over && { field: 'cron', mend: `choose another time: the freeze ${over.name} always covers it` }
  );
}

function timesProblem(window: MaintenanceWindow, now: number): WindowProblem | undefined {
  let begins: number[];
  try {
    begins = beginsOf(window, now, timesLookedAt);
  } catch {
    return { field: 'cron', mend: 'write five fields such as "0 22 * * 1-5"' };
  }
  if (begins.length === 0)
    return { field: 'cron', mend: 'choose a time that comes: this never does' };
  const gaps = begins.slice(1).map((begin, index) => begin - begins[index]!);
  const period = Math.min(Infinity, ...gaps);
  if (window.durationMs < period) return undefined;
  return {
    field: 'durationMs',
    mend: `make it shorter than ${formatDuration(period)}, after which it begins again`,
  };
}

function freezesAll(
  freeze: MaintenanceWindow,
  window: MaintenanceWindow,
  begins: readonly number[],
): boolean {
  if (freeze.kind !== 'freeze' || !covers(freeze.namespaces, window.namespaces)) return false;
  return begins.every((begin) => {
    const { open, until = 0 } = phaseOf(freeze, begin);
    return open && until >= begin + window.durationMs;
  });
}

/** Whether one choice of namespaces has all of another; none means all. */
function covers(some: readonly string[], others: readonly string[]): boolean {
  if (some.length === 0) return true;
  return others.length > 0 && others.every((name) => some.includes(name));
}

/** What has no namespace, such as a node, heeds only the windows of the whole cluster. */
function appliesTo({ namespaces }: MaintenanceWindow, { namespace }: Target): boolean {
  return namespaces.length === 0 || (namespace !== undefined && namespaces.includes(namespace));
}

/** The next times that a window begins after `after`. */
function beginsOf({ cron, timeZone }: MaintenanceWindow, after: number, count: number): number[] {
  const times = new Cron(cron, { timezone: timeZone, mode: '5-part' });
  return times.nextRuns(count, new Date(after)).map((time) => time.getTime());
}

function isTimeZone(name: unknown): boolean {
  try {
    return isText(name) && Boolean(new Intl.DateTimeFormat('en', { timeZone: name }));
  } catch {
    return false;
  }
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

const iso = (time: number | undefined) =>
  time === undefined ? undefined : new Date(time).toISOString();
