import { findTestServer } from './test-server';

/** Finds the time-skipping server once, before the workflow suite, and tells the tests by an environment variable. */
export default function setUpWorkflowTests(): void {
  const server = findTestServer();
  if (server.kind === 'none') {
    process.stderr.write(`homeostat: workflow tests are skipped: ${server.reason}\n`);
  }
  process.env.HOMEOSTAT_TEST_SERVER = JSON.stringify(server);
}
