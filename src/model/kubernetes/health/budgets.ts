import type { V1PodDisruptionBudget } from '@kubernetes/client-node';
import type { Health } from '../../healing';
import { waitingForDrain } from '../faults/budgets';
import type { TargetView } from './view';

/** No drain waits for a disruption that a budget does not allow, and enough of its pods are healthy. */
export function noDrainWaits({ object, pods, cordoned = [] }: TargetView): Health {
  const { status } = object as V1PodDisruptionBudget;
  const { disruptionsAllowed = 0, currentHealthy = 0, desiredHealthy = 0 } = status ?? {};
  const waiting = waitingForDrain(pods, cordoned).length;
  if (waiting > 0) {
    const why = `${waiting} of its pods wait on cordoned nodes, ${disruptionsAllowed} disruptions are allowed`;
    return { state: 'pending', why };
  }
  if (currentHealthy < desiredHealthy) {
    return { state: 'pending', why: `${currentHealthy} of ${desiredHealthy} pods are healthy` };
  }
  return { state: 'healthy', why: 'no drain waits for it' };
}
