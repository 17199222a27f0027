import type { V1Node } from '@kubernetes/client-node';
import { type DetectionSettings, defaultDetectionSettings, type Health } from '../../healing';
import { pressuresOf, problemsOf } from '../faults/node';
import { isMovable, isNodeReady, nodeCondition, wasUncordoned } from '../node-state';
import { isTerminating } from '../objects';
import type { TargetView } from './view';

/** Ready; not waited for once somebody has vetoed the healing by uncordoning it. */
export function nodeReady({ object }: TargetView): Health {
  const node = object as V1Node;
  if (isNodeReady(node)) return { state: 'healthy', why: 'the node is Ready' };
  if (wasUncordoned(node)) return { state: 'failing', why: 'somebody uncordoned the node' };
  const { status = 'Unknown', reason = '' } = nodeCondition(node, 'Ready') ?? {};
  return { state: 'overdue', why: `its Ready is ${status} (${reason})` };
}

/** Ready, and none of the conditions that are a problem. */
export function nodeWithoutProblem(
  view: TargetView,
  settings: DetectionSettings = defaultDetectionSettings,
): Health {
  const node = view.object as V1Node;
  const ready = nodeReady(view);
  const problems = problemsOf(node, settings);
  if (ready.state !== 'healthy' || problems.length === 0) return ready;
  return troubled(
    node,
    problems.map(({ type }) => type),
  );
}

/** Ready, and short of nothing. */
export function nodeWithoutPressure(view: TargetView): Health {
  const node = view.object as V1Node;
  const ready = nodeReady(view);
  const pressures = pressuresOf(node);
  if (ready.state !== 'healthy' || pressures.length === 0) return ready;
  return troubled(
    node,
    pressures.map(({ type }) => type),
  );
}

/** No pod of the node waits for an end that its kubelet would have to bring about; or the kubelet is back. */
export function podsMoved({ object, pods }: TargetView): Health {
  if (isNodeReady(object as V1Node)) return { state: 'healthy', why: 'the node is Ready again' };
  const stuck = pods.filter((pod) => isTerminating(pod) && isMovable(pod));
  if (stuck.length === 0) return { state: 'healthy', why: 'no pod is stuck on the node' };
  return { state: 'overdue', why: `${stuck.length} pods are stuck on the node` };
}

function troubled(node: V1Node, types: string[]): Health {
  if (wasUncordoned(node)) return { state: 'failing', why: 'somebody uncordoned the node' };
  return { state: 'overdue', why: `its ${types.join(', ')} is True` };
}
