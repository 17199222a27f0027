import { isMisconfigured } from '../../../model/kubernetes/faults/containers';
import type { Runbook } from '../runbook';
import { undoRollout } from '../rungs';

/** What is missing is never made up: without a release to undo, a person is told. */
export const configError: Runbook = {
  symptom: 'config-error',
  title: 'A container whose configuration is missing',
  detect: { pod: isMisconfigured },
  alerts: [],
  ladder: [undoRollout],
  healed: 'available-without-restarts',
};
