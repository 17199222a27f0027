import {
  type MaintenanceWindow,
  phaseOf,
  windowContradiction,
  windowProblem,
} from '../../../src/model/governor/windows';

const hour = 3_600_000;

const window = (more: Partial<MaintenanceWindow> = {}): MaintenanceWindow => ({
  ...{ name: 'nights', kind: 'allow', cron: '0 22 * * 1-5', timeZone: 'Europe/Berlin' },
  ...{ durationMs: 8 * hour, namespaces: [], ...more },
});

const at = (time: string) => Date.parse(time);
const iso = (time: number | undefined) => time && new Date(time).toISOString();

describe('where a window is', () => {
  test.each([
    // 22:00 in Berlin is 21:00 UTC in winter, 20:00 UTC in summer.
    ['2026-01-05T20:59:59Z', false, '2026-01-05T21:00:00.000Z'],
    ['2026-01-05T21:00:00Z', true, '2026-01-06T05:00:00.000Z'],
    ['2026-01-06T04:59:59Z', true, '2026-01-06T05:00:00.000Z'],
    ['2026-01-06T05:00:00Z', false, '2026-01-06T21:00:00.000Z'],
    ['2026-07-06T20:00:00Z', true, '2026-07-07T04:00:00.000Z'],
    // Friday's window reaches into Saturday; the next is Monday's.
    ['2026-01-10T06:00:00Z', false, '2026-01-12T21:00:00.000Z'],
    // Over the change to summer time it still lasts eight hours.
    ['2026-03-27T23:00:00Z', true, '2026-03-28T05:00:00.000Z'],
  ])('at %s', (now, open, until) => {
    const phase = phaseOf(window(), at(now));
    expect([phase.open, iso(phase.until)]).toEqual([open, until]);
  });

  test('a time that the change to summer time leaves out comes an hour later', () => {
    const early = window({ cron: '30 2 * * *', durationMs: hour });
    expect(iso(phaseOf(early, at('2026-03-28T22:00:00Z')).until)).toBe('2026-03-29T01:00:00.000Z');
  });
});

describe('what cannot be a window', () => {
  const now = at('2026-01-01T00:00:00Z');

  test.each<[Partial<Record<keyof MaintenanceWindow, unknown>>, string, RegExp]>([
    [{ name: '' }, 'name', /give it a name/],
    [{ kind: 'deny' }, 'kind', /allow or freeze/],
    [{ cron: '0 22 * *' }, 'cron', /five fields/],
    [{ cron: '0 0 22 * * *' }, 'cron', /five fields/],
    [{ cron: '61 * * * *' }, 'cron', /five fields/],
    [{ cron: '0 0 30 2 *' }, 'cron', /never does/],
    [{ timeZone: 'Mars/Olympus' }, 'timeZone', /Europe\/Berlin or UTC/],
    [{ timeZone: undefined }, 'timeZone', /name a time zone/],
    [{ durationMs: 0 }, 'durationMs', /above 0/],
    [{ durationMs: Number.NaN }, 'durationMs', /above 0/],
    [{ durationMs: 25 * hour }, 'durationMs', /shorter than 24 h 0 m/],
    [{ cron: '0 * * * *', durationMs: hour }, 'durationMs', /shorter than 1 h 0 m/],
    [{ namespaces: 'shop' }, 'namespaces', /list/],
  ])('%j', (more, field, mend) => {
    const problem = windowProblem({ ...window(), ...more }, now);
    expect(problem).toEqual({ field, mend: expect.stringMatching(mend) });
  });

  test.each([undefined, null, 'nights', 7, []])('%j', (value) => {
    expect(windowProblem(value, now)).toBeDefined();
  });

  test('a right one is', () => {
    expect(windowProblem(window(), now)).toBeUndefined();
  });

  test('two of one name, and one that is always frozen, contradict', () => {
    const freeze = window({
      name: 'dark',
      kind: 'freeze',
      cron: '0 21 * * *',
      durationMs: 11 * hour,
    });
    expect(windowContradiction(window(), [window()], now)).toMatchObject({ field: 'name' });
    expect(windowContradiction(window(), [freeze], now)).toMatchObject({
      field: 'cron',
      mend: expect.stringContaining('the freeze dark always covers it'),
    });
    const elsewhere = { ...freeze, namespaces: ['bank'] };
    expect(windowContradiction(window(), [elsewhere], now)).toBeUndefined();
    expect(windowContradiction(window({ namespaces: ['bank'] }), [elsewhere], now)).toBeDefined();
    const shorter = { ...freeze, durationMs: 2 * hour };
    expect(windowContradiction(window(), [shorter], now)).toBeUndefined();
  });
});
