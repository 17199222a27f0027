import type { V1Node, V1NodeCondition, V1Pod } from '@kubernetes/client-node';
import type { DetectionSettings, Finding } from '../../healing';
import { isNodeReady, isUnreachable, nodeCondition } from '../node-state';
import { isoOf, isTerminating, millisOf } from '../objects';
import { vetoedMark } from '../owners';

/** Whether a node is not Ready, or nothing is heard of it, for longer than `nodeDeadlineMs`. */
export function isNodeNotReady(
  node: V1Node,
  { nodeDeadlineMs }: DetectionSettings,
): Finding | undefined {
  const ready = nodeCondition(node, 'Ready');
  if (isTerminating(node) || !ready || ready.status === 'True') return undefined;
  return unlessVetoed(node, findingOf(node, ready, nodeDeadlineMs));
}

const pressures = ['DiskPressure', 'MemoryPressure', 'PIDPressure'];

/** The conditions by which a kubelet says that its node is short of something. */
export function pressuresOf(node: V1Node): V1NodeCondition[] {
  return trueConditions(node, pressures);
}

/** Whether a node that is Ready is short of disk, memory or process ids for longer than `pressureDeadlineMs`. */
export function isUnderPressure(
  node: V1Node,
  { pressureDeadlineMs }: DetectionSettings,
): Finding | undefined {
  const [condition] = isNodeReady(node) ? pressuresOf(node) : [];
  return condition && unlessVetoed(node, findingOf(node, condition, pressureDeadlineMs));
}

/** The conditions of a node that are a problem. */
export function problemsOf(
  node: V1Node,
  { nodeConditions }: Pick<DetectionSettings, 'nodeConditions'>,
): V1NodeCondition[] {
  return trueConditions(node, nodeConditions);
}

/** Whether node-problem-detector, or whatever sets the configured conditions, has found a problem. */
export function hasNodeProblem(node: V1Node, settings: DetectionSettings): Finding | undefined {
  const [condition] = problemsOf(node, settings);
  return condition && unlessVetoed(node, findingOf(node, condition, settings.nodeDeadlineMs));
}

/**
 * Whether a node was lost again and again.
 * @param around `readyLosses`: times at which it was lost, RFC 3339, oldest first.
 */
export function isNodeFlapping(
  node: V1Node,
  { flaps, flapWindowMs }: DetectionSettings,
  { readyLosses }: { readyLosses?: () => readonly string[] },
): Finding | undefined {
  const from = Date.now() - flapWindowMs;
  const losses = (readyLosses?.() ?? []).filter((time) => Date.parse(time) >= from);
  const [first] = losses;
  const last = losses[flaps - 1];
  if (first === undefined || last === undefined) return undefined;
  const minutes = Math.round(flapWindowMs / 60_000);
  const message = `Ready was lost ${losses.length} times within ${minutes} minutes`;
  return unlessVetoed(node, { since: first, due: last, message });
}

/** Whether nothing is heard of a node and its pods cannot end, so that nobody may take over what they hold. */
export function isUnreachableWithPods(
  node: V1Node,
  { terminatingDeadlineMs }: DetectionSettings,
  { pods }: { pods: () => V1Pod[] },
): Finding | undefined {
  if (!isUnreachable(node)) return undefined;
  const ends = pods().flatMap(({ metadata }) => millisOf(metadata?.deletionTimestamp) ?? []);
  if (ends.length === 0) return undefined;
  const since = Math.min(...ends);
  return unlessVetoed(node, {
    since: new Date(since).toISOString(),
    due: new Date(since + terminatingDeadlineMs).toISOString(),
    message: `its kubelet does not answer, and ${ends.length} of its pods cannot end`,
  });
}

function trueConditions(node: V1Node, types: readonly string[]): V1NodeCondition[] {
  return types.flatMap((type) => {
    const condition = nodeCondition(node, type);
    return condition?.status === 'True' ? [condition] : [];
  });
}

function findingOf(node: V1Node, condition: V1NodeCondition, deadlineMs: number): Finding {
  const since = sinceOf(node, condition);
  const due = new Date(Date.parse(since) + deadlineMs).toISOString();
  const { type, status, reason, message } = condition;
  const why = [reason, message].filter(Boolean).join(': ');
  return { since, due, message: `${type} is ${status}${why ? ` (${why})` : ''}`.slice(0, 300) };
}

function sinceOf({ metadata }: V1Node, { lastTransitionTime }: V1NodeCondition): string {
  return (
    isoOf(lastTransitionTime) ?? isoOf(metadata?.creationTimestamp) ?? new Date(0).toISOString()
  );
}

/** A person who uncordoned the node has said of this fault: leave it. */
function unlessVetoed(node: V1Node, finding: Finding): Finding | undefined {
  const vetoedAt = Date.parse(node.metadata?.annotations?.[vetoedMark] ?? '');
  return Date.parse(finding.since) <= vetoedAt ? undefined : finding;
}
