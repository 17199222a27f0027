import { homeostat, labName } from './homeostat';

/** Takes the test platform down, unless it is wanted for the next run or for a look. */
export default function tearDownLab(): void {
  if (process.env.HOMEOSTAT_TEST_LAB_MISSING) return;
  if (process.env.HOMEOSTAT_TEST_KEEP === '1') {
    process.stderr.write(`homeostat: kept; end it with: homeostat down --name ${labName}\n`);
    return;
  }
  homeostat(['down', '--name', labName]);
}
