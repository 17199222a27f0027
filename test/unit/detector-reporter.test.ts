import pino from 'pino';
import { Reporter } from '../../src/client/detector/reporter';
import type { Report } from '../../src/client/incidents';

const log = pino({ level: 'silent' });

function report(
  object: string,
  state: 'broken' | 'recovered' = 'broken',
  seenAt = '2026-01-01T00:00:00Z',
): Report {
  return {
    workflowId: 'heal:lab:shop:Deployment:web:crash-loop',
    target: { cluster: 'lab', kind: 'Deployment', namespace: 'shop', name: 'web' },
    symptom: 'crash-loop',
    observation: { object, state, message: 'it crashes', seenAt },
  };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('nothing is lost while Temporal is away, and each object is told once when it is back', async () => {
  let away = true;
  const sent: string[] = [];
  const reporter = new Reporter({
    send: async ({ observation }) => {
      if (away) throw new Error('away');
      sent.push(observation.object);
    },
    onResult: () => undefined,
    log,
  });
  for (const object of ['a', 'b', 'a', 'c']) reporter.add(report(object));
  await until(() => reporter.waiting === 3);
  away = false;
  await until(() => reporter.waiting === 0);
  expect(sent.toSorted()).toEqual(['a', 'b', 'c']);
  reporter.close();
});

test('what is told late keeps the time when it was seen first', async () => {
  const sent: string[] = [];
  let failures = 1;
  const reporter = new Reporter({
    send: async ({ observation }) => {
      if (failures-- > 0) throw new Error('away');
      sent.push(observation.seenAt);
    },
    onResult: () => undefined,
    log,
  });
  reporter.add(report('a', 'broken', '2026-01-01T00:00:00.000Z'));
  reporter.add(report('a', 'broken', '2026-01-01T00:00:30.000Z'));
  await until(() => reporter.waiting === 0);
  expect(sent).toEqual(['2026-01-01T00:00:00.000Z']);
  reporter.close();
});

test('a newer report that came while the older was on its way is sent as well', async () => {
  const sent: string[] = [];
  let release = () => {};
  const reporter = new Reporter({
    send: async ({ observation }) => {
      sent.push(observation.message);
      if (sent.length === 1) await new Promise<void>((resolve) => (release = resolve));
    },
    onResult: () => undefined,
    log,
  });
  reporter.add(report('a'));
  const newer = report('a');
  reporter.add({ ...newer, observation: { ...newer.observation, message: 'again' } });
  release();
  await until(() => reporter.waiting === 0);
  expect(sent).toEqual(['it crashes', 'again']);
});

test('a fault of an object that is gone is not told any more, its recovery is', () => {
  const reporter = new Reporter({
    send: () => new Promise(() => undefined),
    onResult: () => undefined,
    log,
  });
  reporter.add(report('a'));
  reporter.add(report('a', 'recovered'));
  reporter.forget('a');
  expect(reporter.waiting).toBe(1);
});

test('a procedure is told of one thing after the other, and last of what was seen last', async () => {
  const sent: string[] = [];
  let slow = 20;
  const reporter = new Reporter({
    send: async ({ observation }) => {
      slow -= 10;
      await new Promise((resolve) => setTimeout(resolve, slow));
      sent.push(observation.state);
    },
    onResult: () => undefined,
    log,
  });
  reporter.add(report('a', 'broken'));
  reporter.add(report('a', 'recovered'));
  await until(() => reporter.waiting === 0);
  expect(sent).toEqual(['broken', 'recovered']);
  reporter.close();
});
