/** An alert that no runbook or no object answers, as people read it. Texts are bounded by who sends it. */
export interface UnmatchedAlert {
  name: string;
  fingerprint: string;
  status: 'firing' | 'resolved';
  startsAt: string;
  message: string;
  /** The other labels: `namespace=shop, severity=critical`. */
  labels: string;
  /** Why nothing answers it. */
  why: string;
}

/** An alert as it is listed. */
export interface ListedAlert extends UnmatchedAlert {
  /** RFC 3339: when it was received last, and how often so far. */
  seenAt: string;
  times: number;
}

/** What the query `alerts` answers. */
export interface UnmatchedState {
  cluster: string;
  /** Latest last, at most 500. */
  alerts: ListedAlert[];
  /** Older ones that made room. */
  dropped: number;
}

const mostListed = 500;

export function newUnmatchedState(cluster: string): UnmatchedState {
  return { cluster, alerts: [], dropped: 0 };
}

/**
 * Lists what was received; a resolved alert stays in the list as such.
 * @returns those that are news: firing, and in an episode that was not listed.
 */
export function receiveUnmatched(
  state: UnmatchedState,
  received: readonly UnmatchedAlert[],
  seenAt: string,
): UnmatchedAlert[] {
  const listed = new Map(state.alerts.map((alert) => [alert.fingerprint, alert]));
  const news: UnmatchedAlert[] = [];
  for (const alert of received) {
    const known = listed.get(alert.fingerprint);
    if (!known && alert.status === 'resolved') continue;
    const latest = !known || follows(alert, known) ? alert : known;
    if (latest === alert && alert.status === 'firing') news.push(alert);
    // Behind the others, since it was heard of last.
    listed.delete(alert.fingerprint);
    listed.set(alert.fingerprint, { ...latest, seenAt, times: (known?.times ?? 0) + 1 });
  }
  const all = [...listed.values()];
  state.dropped += Math.max(0, all.length - mostListed);
  state.alerts = all.slice(-mostListed);
  return news;
}

/** Alerts of a delivery that are worth telling: those that are news, and the listed ones that are over. */
export function worthTelling(
  state: UnmatchedState,
  received: readonly UnmatchedAlert[],
  news: readonly UnmatchedAlert[],
): UnmatchedAlert[] {
  const over = new Set(
    state.alerts.flatMap(({ status, fingerprint }) => (status === 'resolved' ? fingerprint : [])),
  );
  const resolved = received.filter(
    ({ status, fingerprint }) => status === 'resolved' && over.has(fingerprint),
  );
  return [...news, ...resolved];
}

/** Alerts are delivered twice and out of order: only a later episode, or the end of this one, is later. */
function follows(alert: UnmatchedAlert, known: UnmatchedAlert): boolean {
  if (alert.startsAt !== known.startsAt) return alert.startsAt > known.startsAt;
  return alert.status === 'resolved';
}

/** Whether something that came from outside are alerts that can be listed. */
export function areUnmatched(value: unknown): value is UnmatchedAlert[] {
  const texts = ['name', 'fingerprint', 'status', 'startsAt', 'message', 'labels', 'why'];
  return (
    Array.isArray(value) &&
    value.every((alert) => texts.every((key) => typeof alert?.[key] === 'string'))
  );
}
