import { type Platform, readPlatform } from '../../src/client/platform';

import { labName } from './homeostat';

export { labName } from './homeostat';

/** `describe` for tests on the real platform; skipped, with the reason, where it cannot run. */
export function describeLab(name: string, tests: () => void): void {
  const missing = process.env.HOMEOSTAT_TEST_LAB_MISSING;
  if (missing) describe.skip(`${name} (skipped: ${missing})`, tests);
  else describe(name, tests);
}

/**
 * `describeLab` for tests that are not steady yet: they are skipped, and say why, unless
 * HOMEOSTAT_TEST_UNSTEADY=1 asks for them.
 */
export function describeUnsteady(name: string, why: string, tests: () => void): void {
  if (process.env.HOMEOSTAT_TEST_UNSTEADY === '1') describeLab(name, tests);
  else describe.skip(`${name} (skipped, not steady yet: ${why})`, tests);
}

/** The test platform as it is now. */
export function lab(): Platform {
  const platform = readPlatform(labName);
  if (platform) return platform;
  throw new Error('there is no test platform: run the lab tests with `npm test -- lab`');
}
