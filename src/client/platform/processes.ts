import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process that cannot be mistaken for a later one with the same id. */
export interface ProcessIdentity {
  pid: number;
  /** Clock ticks between boot and the process's start. */
  started: string;
  boot: string;
}

/** Every part carries this variable, so that what a platform started is known even when unrecorded. */
export const markVariable = 'HOMEOSTAT_PART_OF';

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

const boot = read('/proc/sys/kernel/random/boot_id').trim();

/** State and start of a process; the name in parentheses may hold anything, so read from its end. */
function stat(pid: number): { state: string; started: string } | undefined {
  const line = read(`/proc/${pid}/stat`);
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const [state, started] = [fields[0], fields[19]];
  return line && state && started ? { state, started } : undefined;
}

/** The identity of a living process. */
export function identify(pid: number): ProcessIdentity | undefined {
  const found = stat(pid);
  return found && { pid, started: found.started, boot };
}

/** Whether exactly this process still runs; a zombie does not. */
export function isAlive(target: ProcessIdentity | undefined): boolean {
  if (!target) return false;
  const found = stat(target.pid);
  return (
    found !== undefined &&
    found.started === target.started &&
    !'ZX'.includes(found.state) &&
    target.boot === boot
  );
}

/** Sends a signal to exactly this process; nothing happens when it is gone. */
export function signal(target: ProcessIdentity, name: NodeJS.Signals): void {
  if (!isAlive(target)) return;
  try {
    process.kill(target.pid, name);
  } catch {
    // It ended in between.
  }
}

/** Ends processes: SIGTERM and a grace, then SIGKILL; resolves when none is left (or after 10 s). */
export async function end(targets: ProcessIdentity[], graceMs: number): Promise<void> {
  if (graceMs > 0) {
    for (const target of targets) signal(target, 'SIGTERM');
    await gone(targets, graceMs);
  }
  for (const target of targets) signal(target, 'SIGKILL');
  await gone(targets, 10_000);
}

async function gone(targets: ProcessIdentity[], withinMs: number): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (targets.some(isAlive) && Date.now() < deadline) await sleep(20);
}

/** Living processes for which `matches` holds, given the command line and the environment. */
export function findProcesses(
  matches: (process: { command: string[]; environment: string[] }) => boolean,
): ProcessIdentity[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .filter((entry) =>
      matches({
        command: read(`/proc/${entry}/cmdline`).split('\0'),
        environment: read(`/proc/${entry}/environ`).split('\0'),
      }),
    )
    .map((entry) => identify(Number(entry)))
    .filter((found) => found !== undefined && isAlive(found)) as ProcessIdentity[];
}
