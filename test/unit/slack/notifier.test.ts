import fc from 'fast-check';
import {
  type Announcement,
  alertAnnouncement,
  begin,
  isAnnouncement,
  mostTopics,
  newNotifierState,
  nextDueAt,
  nextToTell,
  receive,
  settle,
  settleFailure,
  topicKey,
} from '../../../src/model/notifier';

const procedure = (id: string, more: Partial<Announcement> = {}): Announcement =>
  ({
    kind: 'procedure',
    workflowId: id,
    runId: 'r',
    firstRunId: 'r',
    urgent: false,
    ...more,
  }) as Announcement;

describe('the notifier', () => {
  test('keeps only the newest of a procedure', () => {
    const state = newNotifierState('prod');
    for (let time = 0; time < 50; time += 1)
      receive(state, procedure('a', { runId: `r${time}` }), time);
    expect(Object.keys(state.topics)).toHaveLength(1);
    expect(state.topics['procedure/a/r']!.about).toMatchObject({ runId: 'r49' });
    expect(nextToTell(state, 50)).toBe('procedure/a/r');
  });

  test('tells those for whom a person is waited first, then in the order of coming', () => {
    const state = newNotifierState('prod');
    receive(state, procedure('a'), 1);
    receive(state, procedure('b'), 2);
    receive(state, procedure('c', { urgent: true }), 3);
    const order = [];
    for (let key = nextToTell(state, 9); key; key = nextToTell(state, 9)) {
      begin(state, key);
      settle(state, key, { over: true });
      order.push(key);
    }
    expect(order).toEqual(['procedure/c/r', 'procedure/a/r', 'procedure/b/r']);
    expect(state.topics).toEqual({});
  });

  test('what is announced while it is told is told once more, in the same thread', () => {
    const state = newNotifierState('prod');
    receive(state, procedure('a'), 1);
    const key = nextToTell(state, 1)!;
    begin(state, key);
    expect(nextToTell(state, 2)).toBeUndefined();
    receive(state, procedure('a', { urgent: true }), 2);
    settle(state, key, { thread: '1.1', over: true });
    expect(nextToTell(state, 3)).toBe(key);
    expect(begin(state, key)).toMatchObject({ thread: '1.1', about: { urgent: true } });
  });

  test('looks again when it is asked to, and forgets what is over', () => {
    const state = newNotifierState('prod');
    receive(state, procedure('a'), 1);
    begin(state, 'procedure/a/r');
    settle(state, 'procedure/a/r', { over: false, lookAgainAt: new Date(500).toISOString() });
    expect(nextToTell(state, 499)).toBeUndefined();
    expect(nextDueAt(state)).toBe(500);
    expect(nextToTell(state, 500)).toBe('procedure/a/r');
  });

  test('a failed telling is tried again later, a hopeless one given up', () => {
    const state = newNotifierState('prod');
    receive(state, procedure('a'), 1);
    begin(state, 'procedure/a/r');
    settleFailure(state, 'procedure/a/r', 900);
    expect(nextToTell(state, 899)).toBeUndefined();
    expect(nextToTell(state, 900)).toBe('procedure/a/r');
    begin(state, 'procedure/a/r');
    settleFailure(state, 'procedure/a/r');
    expect(state.topics).toEqual({});
  });

  test('never holds more topics than it may: quiet ones give way, newcomers are counted', () => {
    const state = newNotifierState('prod');
    for (let index = 0; index < mostTopics; index += 1)
      receive(state, procedure(`p${index}`), index);
    receive(state, procedure('newcomer'), 2_000);
    expect(state.refused).toBe(1);
    begin(state, 'procedure/p7/r');
    settle(state, 'procedure/p7/r', {
      thread: '1.1',
      over: false,
      lookAgainAt: new Date(9e6).toISOString(),
    });
    receive(state, procedure('newcomer'), 2_001);
    expect(Object.keys(state.topics)).toHaveLength(mostTopics);
    expect(state.topics['procedure/p7/r']).toBeUndefined();
    expect(state.topics['procedure/newcomer/r']).toBeDefined();
  });

  test('loses nothing: after any order of events everything announced was told since', () => {
    const step = fc.record({
      what: fc.constantFrom('announce', 'tell', 'fail'),
      id: fc.constantFrom('a', 'b', 'c'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const state = newNotifierState('prod');
        const pending = new Set<string>();
        let now = 0;
        for (const { what, id } of steps) {
          now += 1;
          if (what === 'announce') {
            receive(state, procedure(id), now);
            pending.add(topicKey(procedure(id)));
            continue;
          }
          const key = nextToTell(state, now);
          if (!key) continue;
          begin(state, key);
          if (what === 'fail') settleFailure(state, key, now + 1);
          else {
            settle(state, key, {
              thread: '1',
              over: false,
              lookAgainAt: new Date(now + 1e6).toISOString(),
            });
            pending.delete(key);
          }
        }
        for (now += 2; ; now += 1) {
          const key = nextToTell(state, now);
          if (!key) break;
          begin(state, key);
          settle(state, key, { over: true });
          pending.delete(key);
        }
        expect([...pending]).toEqual([]);
      }),
    );
  });

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['a text', 'x'],
    ['another kind', { ...procedure('a'), kind: 'other' }],
    ['no workflow', { ...procedure(''), workflowId: undefined }],
    [
      'an alert without labels',
      { kind: 'alert', id: 'x', name: 'n', state: 'firing', startsAt: 't' },
    ],
    ['something huge', procedure('x'.repeat(5_000))],
  ])('takes no %s', (_what, value) => expect(isAnnouncement(value)).toBe(false));

  test('takes every alert that was listed, however long its texts are', () => {
    const long = 'x'.repeat(5_000);
    const alert = {
      name: long,
      fingerprint: long,
      status: 'firing' as const,
      startsAt: '2026-01-01T00:00:00Z',
      message: long,
      labels: long,
      why: long,
    };
    expect(isAnnouncement(alertAnnouncement(alert))).toBe(true);
  });

  test('takes procedures and alerts', () => {
    expect(isAnnouncement(procedure('a'))).toBe(true);
    expect(
      isAnnouncement({
        kind: 'alert',
        id: 'x',
        name: 'n',
        state: 'firing',
        summary: '',
        labels: 'a=b',
        why: '',
        startsAt: '2026-01-01T00:00:00Z',
      }),
    ).toBe(true);
  });
});
