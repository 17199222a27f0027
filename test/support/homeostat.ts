import { execFileSync } from 'node:child_process';
import path from 'node:path';

/** Name of the platform that the lab's tests share; `homeostat … --name test` reaches it. Two runs side by side need two. */
export const labName = process.env.HOMEOSTAT_TEST_PLATFORM ?? 'test';

const executable = path.resolve(__dirname, '../../bin/homeostat');

/** Runs the CLI as a user would and answers its stdout; progress goes to stderr. Throws when it fails. */
export function homeostat(args: string[]): string {
  return execFileSync(process.execPath, [executable, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}
