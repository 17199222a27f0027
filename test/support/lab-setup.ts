import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { homeostat, labName } from './homeostat';

/** Starts the platform that all lab tests share, once; where none can run, says why they are skipped. */
export default function setUpLab(): void {
  const { available, reason } = labAvailability();
  if (available) {
    homeostat(['up', '--bare', '--name', labName]);
    return;
  }
  process.stderr.write(`homeostat: lab tests are skipped: ${reason}\n`);
  process.env.HOMEOSTAT_TEST_LAB_MISSING = reason ?? 'no platform can run here';
}

/** Asked in a process of its own: Jest resolves ES modules differently in a set-up than in a test. */
function labAvailability(): { available: boolean; reason?: string } {
  const script =
    "process.stdout.write(JSON.stringify(require('./dist/client/platform').labAvailability()))";
  const root = path.resolve(__dirname, '../..');
  return JSON.parse(
    execFileSync(process.execPath, ['-e', script], { cwd: root, encoding: 'utf8' }),
  );
}
