import type { Health, HealthCheckName } from '../../healing';
import type { TargetView } from './view';
import { availableWithoutRestarts } from './workload';

export type { TargetView } from './view';

/** Health checks by name. */
export const healthChecks: Record<HealthCheckName, (view: TargetView) => Health> = {
  'available-without-restarts': availableWithoutRestarts,
};
