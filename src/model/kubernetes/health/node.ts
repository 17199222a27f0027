import type { V1Node } from '@kubernetes/client-node';
import type { Health } from '../../healing';
import { isNodeReady, nodeCondition, wasUncordoned } from '../node-state';
import type { TargetView } from './view';

/** Ready; not waited for once somebody has vetoed the healing by uncordoning it. */
export function nodeReady({ object }: TargetView): Health {
  const node = object as V1Node;
  if (isNodeReady(node)) return { state: 'healthy', why: 'the node is Ready' };
  if (wasUncordoned(node)) return { state: 'failing', why: 'somebody uncordoned the node' };
  const { status = 'Unknown', reason = '' } = nodeCondition(node, 'Ready') ?? {};
  return { state: 'overdue', why: `its Ready is ${status} (${reason})` };
}
