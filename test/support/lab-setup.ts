import { labAvailability } from '../../src/client/platform';
import { homeostat } from './homeostat';
import { type Lab, type LabState, labName } from './lab';

/** Starts the platform that all lab tests share, once; where none can run, says why they are skipped. */
export default async function setUpLab(): Promise<void> {
  process.env.HOMEOSTAT_TEST_LAB = JSON.stringify(await startLab());
}

async function startLab(): Promise<LabState> {
  const { available, reason } = await labAvailability();
  if (!available) {
    process.stderr.write(`homeostat: lab tests are skipped: ${reason}\n`);
    return { missing: reason ?? 'no platform can run here' };
  }
  homeostat(['up', '--bare', '--name', labName]);
  return { lab: JSON.parse(homeostat(['status', '--name', labName, '-o', 'json'])) as Lab };
}
