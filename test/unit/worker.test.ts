import type { Context } from '@temporalio/activity';
import pino from 'pino';
import { Registry } from 'prom-client';
import { createReadiness } from '../../src/service/health';
import { temporalLogger } from '../../src/service/log';
import { startServer } from '../../src/service/server';
import { heartbeatInterceptor } from '../../src/worker/heartbeat';
import { createProcedureSinks } from '../../src/worker/metrics';

type SinkInfo = Parameters<ReturnType<typeof createProcedureSinks>['metrics']['blocked']['fn']>[0];
const procedure = (workflowId: string) => ({ workflowId }) as SinkInfo;

describe('metrics', () => {
  test('count procedures and their steps under the public names', async () => {
    const registry = new Registry();
    const { metrics } = createProcedureSinks(registry);
    const labels = { family: 'healing', type: 'heal' } as const;
    void metrics.procedureStarted.fn(procedure('a'), labels);
    void metrics.stepCompleted.fn(procedure('a'), { step: 'restart', result: 'done' });
    void metrics.procedureCompleted.fn(procedure('a'), {
      ...labels,
      outcome: 'healed',
      durationSeconds: 14,
      recoverySeconds: 4,
    });
    const text = await registry.metrics();
    expect(text).toContain('homeostat_procedures_started_total{family="healing",type="heal"} 1');
    expect(text).toContain(
      'homeostat_procedures_completed_total{family="healing",type="heal",outcome="healed"} 1',
    );
    expect(text).toContain('homeostat_steps_total{step="restart",result="done"} 1');
    expect(text).toContain('homeostat_recovery_seconds_sum{family="healing",type="heal"} 4');
    expect(text).not.toContain('homeostat_detection_seconds_sum{');
  });

  test('count a blocked procedure once, however often its task is run', async () => {
    const registry = new Registry();
    const { metrics } = createProcedureSinks(registry);
    const blocked = async () => (await registry.getSingleMetric('homeostat_blocked')!.get()).values;
    for (const id of ['a', 'a', 'b']) void metrics.blocked.fn(procedure(id), { gate: 'halted' });
    expect(await blocked()).toEqual([{ labels: { gate: 'halted' }, value: 2 }]);
    void metrics.unblocked.fn(procedure('a'), { gate: 'halted' });
    void metrics.unblocked.fn(procedure('a'), { gate: 'halted' });
    expect(await blocked()).toEqual([{ labels: { gate: 'halted' }, value: 1 }]);
  });
});

describe('heartbeats', () => {
  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  function activity(info: object) {
    const sent: unknown[] = [];
    const context = {
      info,
      heartbeat: (details: unknown) => void sent.push(details),
    } as unknown as Context;
    const run = (body: () => Promise<unknown>) =>
      heartbeatInterceptor(context).inbound!.execute!({ args: [], headers: {} }, body);
    return { sent, context, run };
  }

  const seconds = (count: number) => jest.advanceTimersByTimeAsync(count * 1_000);

  test('are sent every second while an activity with a time-out runs', async () => {
    const { sent, run } = activity({
      heartbeatTimeoutMs: 3_000,
      heartbeatDetails: 'from the last attempt',
    });
    await run(() => seconds(2));
    await seconds(5);
    expect(sent).toEqual(['from the last attempt', 'from the last attempt']);
  });

  test("repeat the activity's own details", async () => {
    const { sent, context, run } = activity({ heartbeatTimeoutMs: 3_000 });
    await run(async () => {
      context.heartbeat({ healthySince: 1 });
      await seconds(2);
    });
    expect(sent).toEqual([{ healthySince: 1 }, { healthySince: 1 }, { healthySince: 1 }]);
  });

  test('are not sent for an activity without a time-out', async () => {
    const { sent, run } = activity({});
    await run(() => seconds(2));
    expect(sent).toEqual([]);
  });
});

describe('health', () => {
  test('readiness names the part that is away, live goes on', async () => {
    let away = false;
    const server = await startServer({
      listen: '127.0.0.1:0',
      key: 'worker.listen',
      readiness: createReadiness({
        temporal: () => undefined,
        kubernetes: () => {
          if (away) throw new Error('connection refused');
        },
      }),
      registry: new Registry(),
      extraMetrics: async () => 'temporal_requests_total 1',
    });
    const get = async (path: string) => {
      const response = await fetch(`${server.url}${path}`);
      return { status: response.status, text: await response.text() };
    };
    expect((await get('/readyz')).status).toBe(200);
    away = true;
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    const { status, text } = await get('/readyz');
    expect(status).toBe(503);
    expect(JSON.parse(text)).toEqual({
      ready: false,
      parts: { temporal: { ready: true }, kubernetes: { ready: false, why: 'connection refused' } },
    });
    expect((await get('/livez')).status).toBe(200);
    expect((await get('/metrics')).text).toContain('temporal_requests_total 1');
    await server.close();
  });

  test('a part that does not answer is away after two seconds', async () => {
    const begun = Date.now();
    const { parts } = await createReadiness({ temporal: () => new Promise(() => undefined) })();
    expect(parts.temporal?.why).toMatch(/no answer within/);
    expect(Date.now() - begun).toBeLessThan(2_000);
  });

  test('an address in use is refused with its key', async () => {
    const options = {
      key: 'worker.listen',
      readiness: createReadiness({}),
      registry: new Registry(),
    };
    const first = await startServer({ ...options, listen: '127.0.0.1:0' });
    const listen = new URL(first.url).host;
    await expect(startServer({ ...options, listen })).rejects.toThrow(
      `worker.listen ${listen}: choose an address`,
    );
    await first.close();
  });
});

test('each line of the log names the procedure and the step', () => {
  const lines: string[] = [];
  const log = pino({ base: null }, { write: (line: string) => void lines.push(line) });
  const meta = {
    workflowId: 'heal:x',
    runId: 'r',
    activityId: '3',
    activityType: 'diagnose',
    attempt: 2,
  };
  temporalLogger(log).warn('slow', meta);
  expect(JSON.parse(lines[0]!)).toMatchObject({
    procedure: 'heal:x',
    run: 'r',
    step: '3/diagnose',
    attempt: 2,
    msg: 'slow',
  });
});
