import type { DetectionSettings, Health, HealthCheckName } from '../../healing';
import { belowMaximum } from './autoscaling';
import { noDrainWaits } from './budgets';
import { jobCompleted } from './jobs';
import { nodeReady, nodeWithoutPressure, nodeWithoutProblem, podsMoved } from './node';
import { noneEvicted, noneTerminating } from './pods';
import { imagesPulled } from './registry';
import { podsScheduled } from './scheduling';
import type { TargetView } from './view';
import { availableWithoutRestarts } from './workload';

export type { TargetView } from './view';

/** Health checks by name. */
export const healthChecks: Record<
  HealthCheckName,
  (view: TargetView, settings?: DetectionSettings) => Health
> = {
  'available-without-restarts': availableWithoutRestarts,
  'none-terminating': noneTerminating,
  'none-evicted': noneEvicted,
  'images-pulled': imagesPulled,
  'node-ready': nodeReady,
  'node-without-problem': nodeWithoutProblem,
  'node-without-pressure': nodeWithoutPressure,
  'pods-moved': podsMoved,
  'job-completed': jobCompleted,
  'no-drain-waits': noDrainWaits,
  'pods-scheduled': podsScheduled,
  'below-maximum': belowMaximum,
};
