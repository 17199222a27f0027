import type { ProcedureRecord } from './procedure';
import type { UnmatchedAlert } from './unmatched';

/** Something about a procedure changed. Says where to look, not what is there: what is told is always the newest. */
export interface ProcedureAnnouncement {
  kind: 'procedure';
  workflowId: string;
  /** The run that can be asked. */
  runId: string;
  /** The first run of its chain; one thread each. */
  firstRunId: string;
  /** A person is waited for, so it is told before others. */
  urgent: boolean;
}

/** An alert that no runbook answers. */
export interface AlertAnnouncement {
  kind: 'alert';
  /** One episode: the fingerprint and when it began. */
  id: string;
  name: string;
  state: 'firing' | 'resolved';
  summary: string;
  /** `namespace=shop, severity=critical` */
  labels: string;
  /** Why nothing answers it. */
  why: string;
  /** RFC 3339. */
  startsAt: string;
}

/** What the notifier takes by the signal `announce`. */
export type Announcement = ProcedureAnnouncement | AlertAnnouncement;

/** A subject of a thread of its own. */
export interface Topic {
  about: Announcement;
  /** When it is to be told next, in milliseconds; absent while a telling is under way. */
  due?: number;
  /** The thread, once there is one. */
  thread?: string;
}

/** Everything the notifier knows; plain JSON, carried when it continues as new. */
export interface NotifierState {
  cluster: string;
  /** By key; only topics that are not over. */
  topics: Record<string, Topic>;
  /** Announcements that found no room, since the notifier was started. */
  refused: number;
}

/** What became of a telling. */
export interface Told {
  thread?: string;
  /** Nothing more will change. */
  over: boolean;
  /** RFC 3339: when to look again though nothing was announced. */
  lookAgainAt?: string;
}

/** Topics at once; with the longest announcement each, the state stays within one payload of Temporal. */
export const mostTopics = 1_000;

/** Characters of an announcement as JSON. */
export const longestAnnouncement = 1_500;

export function newNotifierState(cluster: string): NotifierState {
  return { cluster, topics: {}, refused: 0 };
}

/** Identifies the thread of an announcement. */
export function topicKey(about: Announcement): string {
  return about.kind === 'alert'
    ? `alert/${about.id}`
    : `procedure/${about.workflowId}/${about.firstRunId}`;
}

/** Whether a person is waited for, or has to take over. */
export function isUrgent({ phase, outcome }: Pick<ProcedureRecord, 'phase' | 'outcome'>): boolean {
  return phase === 'waiting-approval' || outcome === 'escalated';
}

/** Whether a signal's payload is an announcement of bearable size. */
export function isAnnouncement(value: unknown): value is Announcement {
  const fields = (value ?? {}) as Record<string, unknown>;
  const texts = fields.kind === 'alert' ? alertTexts : procedureTexts;
  const known = fields.kind === 'alert' || fields.kind === 'procedure';
  return (
    known &&
    texts.every((name) => typeof fields[name] === 'string') &&
    JSON.stringify(value).length <= longestAnnouncement
  );
}

const procedureTexts = ['workflowId', 'runId', 'firstRunId'];
const alertTexts = ['id', 'name', 'state', 'summary', 'labels', 'why', 'startsAt'];

/** The announcement of an alert that was listed, within what an announcement may hold. */
export function alertAnnouncement(alert: UnmatchedAlert): AlertAnnouncement {
  const { fingerprint, startsAt, status: state } = alert;
  return {
    kind: 'alert',
    id: `${fingerprint}/${startsAt}`.slice(0, 150),
    name: alert.name.slice(0, 150),
    state,
    summary: alert.message.slice(0, 300),
    labels: alert.labels.slice(0, 300),
    why: alert.why.slice(0, 200),
    startsAt,
  };
}

/** Takes an announcement; of each topic only the newest is kept. */
export function receive(state: NotifierState, about: Announcement, now: number): void {
  const key = topicKey(about);
  const topic = state.topics[key];
  if (topic) {
    topic.about = about;
    topic.due = Math.min(topic.due ?? now, now);
    return;
  }
  if (!makeRoom(state, now)) {
    state.refused += 1;
    return;
  }
  state.topics[key] = { about, due: now };
}

/** Forgets the topic that has been quiet the longest; its thread is found again should it change. */
function makeRoom(state: NotifierState, now: number): boolean {
  const entries = Object.entries(state.topics);
  if (entries.length < mostTopics) return true;
  const quiet = entries.find(([, { due, thread }]) => thread && due !== undefined && due > now);
  if (quiet) delete state.topics[quiet[0]];
  return quiet !== undefined;
}

/** The topic to be told now: where a person is waited for first, then the one that has waited longest. */
export function nextToTell(state: NotifierState, now: number): string | undefined {
  const due = Object.entries(state.topics).filter(([, topic]) => (topic.due ?? Infinity) <= now);
  due.sort(([, a], [, b]) => urgency(b.about) - urgency(a.about) || a.due! - b.due!);
  return due[0]?.[0];
}

/** When the next topic is due, in milliseconds, or undefined. */
export function nextDueAt(state: NotifierState): number | undefined {
  const times = Object.values(state.topics).flatMap(({ due }) => due ?? []);
  return times.length > 0 ? Math.min(...times) : undefined;
}

/** Marks a topic as being told; what is announced meanwhile makes it due again. */
export function begin(state: NotifierState, key: string): Topic {
  const topic = state.topics[key]!;
  delete topic.due;
  return { ...topic };
}

/** Remembers what became of a telling. */
export function settle(state: NotifierState, key: string, told: Told): void {
  const topic = state.topics[key];
  if (!topic) return;
  topic.thread = told.thread ?? topic.thread;
  if (topic.due !== undefined) return;
  if (told.over) delete state.topics[key];
  else topic.due = told.lookAgainAt ? Date.parse(told.lookAgainAt) : undefined;
}

/** A telling that failed is tried again at `retryAt` (milliseconds); without one the topic is given up. */
export function settleFailure(state: NotifierState, key: string, retryAt?: number): void {
  const topic = state.topics[key];
  if (!topic) return;
  if (retryAt !== undefined) topic.due = retryAt;
  else if (topic.due === undefined) delete state.topics[key];
}

const urgency = (about: Announcement) => (about.kind === 'procedure' && about.urgent ? 1 : 0);
