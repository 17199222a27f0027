/** The test platform: what `homeostat status -o json` says of it. */
export interface Lab {
  ready: boolean;
  temporal: { address: string; namespace: string; ui: string };
  cluster: { name: string; kubeconfig: string; context: string };
  parts: { name: string; ready: boolean; pid?: number }[];
}

/** Name of the platform that the lab's tests share; `homeostat … --name test` reaches it. */
export const labName = 'test';

/** What the lab's global set-up found, handed to the tests by an environment variable. */
export type LabState = { lab: Lab } | { missing: string };

/** `describe` for tests on the real platform; skipped, with the reason, where it cannot run. */
export function describeLab(name: string, tests: () => void): void {
  const state = labState();
  if ('missing' in state) describe.skip(`${name} (skipped: ${state.missing})`, tests);
  else describe(name, tests);
}

/** The running test platform. */
export function lab(): Lab {
  const state = labState();
  if ('missing' in state) throw new Error(`there is no test platform: ${state.missing}`);
  return state.lab;
}

function labState(): LabState {
  const answer = process.env.HOMEOSTAT_TEST_LAB;
  if (!answer) throw new Error('run the lab tests with `npm test -- lab`');
  return JSON.parse(answer) as LabState;
}
