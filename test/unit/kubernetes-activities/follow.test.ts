import type { V1Pod } from '@kubernetes/client-node';
import { createKubernetesClient } from '../../../src/activities/kubernetes/client';
import { follow } from '../../../src/activities/kubernetes/follow';
import { unbroken } from '../../support/unbroken';
import { type Answer, type Asked, FakeApi } from './fake-api';

const path = '/api/v1/namespaces/shop/pods';
const pod = (name: string, resourceVersion: string): V1Pod => ({
  metadata: { name, uid: name, resourceVersion },
});
const list = (resourceVersion: string, ...items: V1Pod[]): Answer => ({
  body: { metadata: { resourceVersion }, items },
});

/** Follows until the names that are told are those that are wanted. */
async function followUntil(wanted: string, lists: Answer[], watches: Answer[]) {
  const silent: Answer = { lines: [], stay: true };
  const answer = ({ query }: Asked) =>
    (query.get('watch') ? watches.shift() : lists.shift()) ?? silent;
  const api = await FakeApi.start(answer);
  const stop = new AbortController();
  const told: string[] = [];
  try {
    await follow<V1Pod>(
      createKubernetesClient(api.kubeConfig, unbroken),
      path,
      { labelSelector: 'app=web' },
      (pods) => {
        told.push(pods.map(({ metadata }) => metadata?.name).join());
        if (told.at(-1) === wanted) stop.abort();
      },
      stop.signal,
    );
  } finally {
    await api.stop();
  }
  return { told, asked: api.asked.map(({ query }) => query) };
}

describe('follow', () => {
  test('tells the list, then each event, and goes on after the end of a watch', async () => {
    const { told, asked } = await followUntil(
      'b',
      [list('5', pod('a', '4'))],
      [
        {
          lines: [
            { type: 'ADDED', object: pod('b', '6') },
            { type: 'BOOKMARK', object: pod('', '8') },
          ],
        },
        { lines: [{ type: 'DELETED', object: pod('a', '9') }], stay: true },
      ],
    );
    expect(told).toEqual(['a', 'a,b', 'b']);
    expect(asked.map((query) => query.get('resourceVersion'))).toEqual([null, '5', '8']);
    expect(asked.every((query) => query.get('labelSelector') === 'app=web')).toBe(true);
  });

  test.each<[string, Answer]>([
    [
      'an event of an error',
      { lines: [{ type: 'ERROR', object: { code: 410, message: 'too old' } }] },
    ],
    ['the answer 410', { code: 410, body: { message: 'too old' } }],
  ])('lists anew after %s', async (_name, expired) => {
    const { told } = await followUntil(
      'b',
      [list('5', pod('a', '4')), list('9', pod('b', '9'))],
      [expired],
    );
    expect(told).toEqual(['a', 'b']);
  });

  test('goes on after a broken connection and an overloaded server', async () => {
    const { told } = await followUntil(
      'a,b',
      [list('5', pod('a', '4'))],
      ['hang up', { code: 503, body: {} }, { lines: [{ type: 'ADDED', object: pod('b', '6') }] }],
    );
    expect(told).toEqual(['a', 'a,b']);
  });

  test('ends when the right to look is taken away', async () => {
    const forbidden: Answer = { code: 403, body: { message: 'forbidden' } };
    await expect(followUntil('never', [forbidden], [])).rejects.toThrow('forbidden');
  });
});
