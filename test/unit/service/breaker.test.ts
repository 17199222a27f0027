import { setTimeout as sleep } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { badInput, SystemAway, unreachable } from '../../../src/model/errors';
import { type BreakerOptions, createBreakers } from '../../../src/service/breaker';

const away = () => Promise.reject(unreachable('the store', 'start it'));

function make(options: BreakerOptions) {
  const registry = new Registry();
  const breaker = createBreakers(registry)('artifacts', options);
  const state = async () =>
    Number(
      /^homeostat_breaker_state\{system="artifacts"\} (\d)$/m.exec(await registry.metrics())?.[1],
    );
  return { breaker, state };
}

test('opens after failures in a row, then fails at once, and closes with the first success', async () => {
  const { breaker, state } = make({ failures: 2, restMs: 50 });
  const work = jest.fn(away);
  expect(await state()).toBe(0);
  for (let i = 0; i < 2; i++) await expect(breaker(work)).rejects.toThrow('the store');
  expect(await state()).toBe(2);
  await expect(breaker(work)).rejects.toBeInstanceOf(SystemAway);
  expect(work).toHaveBeenCalledTimes(2);
  await sleep(60);
  await expect(breaker(work)).rejects.toThrow('the store is unreachable');
  expect(await state()).toBe(2);
  await sleep(60);
  expect(await breaker(() => Promise.resolve('back'))).toBe('back');
  expect(await state()).toBe(0);
});

test('a success in between begins the count anew, and a refusal is no failure', async () => {
  const { breaker, state } = make({ failures: 2 });
  await expect(breaker(away)).rejects.toThrow('the store');
  await breaker(() => Promise.resolve());
  await expect(breaker(away)).rejects.toThrow('the store');
  const refused = () => Promise.reject(badInput('artifact "x"', 'name another'));
  for (let i = 0; i < 5; i++) await expect(breaker(refused)).rejects.toThrow('name another');
  expect(await state()).toBe(0);
});

test('what takes too long counts as away, by a clear name', async () => {
  const { breaker, state } = make({ failures: 1, timeoutMs: 20 });
  await expect(breaker(() => new Promise(() => undefined))).rejects.toMatchObject({
    code: 'unreachable',
    message: expect.stringContaining('no answer within 0.02 s'),
  });
  expect(await state()).toBe(2);
});
