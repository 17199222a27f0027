import type { Health } from '../../healing';
import { unschedulable } from '../faults/scheduling';
import type { TargetView } from './view';

/** Every pod has a node; else the scheduler's words for why one has none. */
export function podsScheduled({ pods }: TargetView): Health {
  const refused = pods.flatMap((pod) => unschedulable(pod) ?? []);
  if (refused.length > 0) {
    return { state: 'overdue', why: `${refused.length} pods find no node: ${refused[0]?.message}` };
  }
  const waiting = pods.filter(({ spec }) => !spec?.nodeName).length;
  if (waiting > 0) return { state: 'pending', why: `${waiting} pods wait to be scheduled` };
  return { state: 'healthy', why: `all ${pods.length} pods have a node` };
}
