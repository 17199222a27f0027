import type { V1Node, V1NodeCondition } from '@kubernetes/client-node';
import type { DetectionSettings, Finding } from '../../healing';
import { nodeCondition } from '../node-state';
import { isoOf, isTerminating } from '../objects';
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
