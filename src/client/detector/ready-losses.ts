import type { CoreV1Event } from '@kubernetes/client-node';
import { LRUCache } from 'lru-cache';
import { isNodeReady, nodeCondition } from '../../model/kubernetes/node-state';
import { isoOf, millisOf } from '../../model/kubernetes/objects';
import type { RawObject } from './resources';

const mostNodes = 10_000;
const mostLosses = 50;

/** When each node lost its Ready, as far as it was seen or is told by events; the latest of each. */
export class ReadyLosses {
  private readonly times = new LRUCache<string, string[]>({ max: mostNodes });

  /** Notes the loss that a node shows, once. */
  take(node: RawObject): void {
    if (isNodeReady(node)) return;
    const lostAt = isoOf(nodeCondition(node, 'Ready')?.lastTransitionTime);
    if (lostAt) this.note(node.metadata.name ?? '', [lostAt]);
  }

  /**
   * Notes what happened before anybody watched.
   * @param events `NodeNotReady`, each of which stands for as many losses as it counts.
   */
  recall(events: CoreV1Event[]): void {
    for (const event of events) this.note(event.involvedObject.name ?? '', timesOf(event));
  }

  /** RFC 3339, oldest first. */
  of(node: string): readonly string[] {
    return this.times.get(node) ?? [];
  }

  private note(node: string, times: string[]): void {
    const known = this.of(node);
    const added = times.filter((time) => !known.some((one) => isSame(one, time)));
    if (added.length > 0) this.times.set(node, [...known, ...added].sort().slice(-mostLosses));
  }
}

/** An event and the condition that it is about differ by moments, and a node is not lost twice in that time. */
const momentMs = 2_000;

function isSame(one: string, other: string): boolean {
  return Math.abs(Date.parse(one) - Date.parse(other)) < momentMs;
}

/** The API keeps the first and the last time of an event, and how often it came; those between are spread evenly. */
function timesOf({ firstTimestamp, lastTimestamp, count = 1 }: CoreV1Event): string[] {
  const last = millisOf(lastTimestamp);
  const first = millisOf(firstTimestamp) ?? last;
  if (last === undefined || first === undefined) return [];
  const shown = Math.min(count, mostLosses);
  const step = (last - first) / Math.max(count - 1, 1);
  return Array.from({ length: shown }, (_, back) => new Date(last - back * step).toISOString());
}
