import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import path from 'node:path';

/**
 * Runs `work` while holding a lock on `file`; others wait for their turn.
 * The kernel's own lock, held by a child that ends with us: no stale lock is ever left.
 */
export async function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(path.dirname(file), { recursive: true });
  const holder = spawn('flock', [file, 'sh', '-c', 'echo held; exec cat >/dev/null'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const ended = once(holder, 'close');
  try {
    await Promise.race([
      once(holder.stdout, 'data'),
      ended.then(() => {
        throw new Error(`cannot lock ${file}`);
      }),
    ]);
    return await work();
  } finally {
    holder.stdin.end();
    await ended;
  }
}
