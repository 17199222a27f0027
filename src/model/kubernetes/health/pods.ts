import type { Health } from '../../healing';
import { isEvicted } from '../faults/pods';
import { isTerminating } from '../objects';
import type { TargetView } from './view';

/** No pod of it is being deleted. */
export function noneTerminating({ pods }: TargetView): Health {
  const names = pods.filter(isTerminating).map(({ metadata }) => metadata?.name);
  if (names.length === 0) return { state: 'healthy', why: 'no pod of it is terminating' };
  return { state: 'pending', why: `still terminating: ${names.slice(0, 5).join(', ')}` };
}

/** No evicted pod of it is left, and none came anew. */
export function noneEvicted({ pods }: TargetView): Health {
  const evicted = pods.filter(isEvicted);
  const [first] = evicted;
  if (!first) return { state: 'healthy', why: 'no evicted pod of it is left' };
  const why = `${evicted.length} evicted pods, such as ${first.metadata?.name}: ${first.status?.message}`;
  return { state: 'failing', why };
}
