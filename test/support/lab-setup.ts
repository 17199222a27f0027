import { labAvailability } from '../../src/client/platform';
import { homeostat } from './homeostat';
import { labName } from './lab';

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
