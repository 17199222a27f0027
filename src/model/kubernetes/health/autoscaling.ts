import type { V2HorizontalPodAutoscaler } from '@kubernetes/client-node';
import type { Health } from '../../healing';
import { wantsMore } from '../faults/autoscaling';
import type { TargetView } from './view';

/** The autoscaler wants fewer replicas than it may have. */
export function belowMaximum({ object }: TargetView): Health {
  const autoscaler = object as V2HorizontalPodAutoscaler;
  const { desiredReplicas = 0 } = autoscaler.status ?? {};
  const { maxReplicas = 0 } = autoscaler.spec ?? {};
  const why = `it wants ${desiredReplicas} of at most ${maxReplicas} replicas`;
  if (wantsMore(autoscaler)) return { state: 'overdue', why: `${why}, and would want more` };
  return { state: desiredReplicas < maxReplicas ? 'healthy' : 'pending', why };
}
