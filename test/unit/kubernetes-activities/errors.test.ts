import { MockActivityEnvironment } from '@temporalio/testing';
import { createKubernetesActivities } from '../../../src/activities/kubernetes';
import { unbroken } from '../../support/unbroken';
import { type Answer, FakeApi } from './fake-api';

const target = { cluster: 'trial', kind: 'Deployment', namespace: 'shop', name: 'web' };
const artifacts = {
  put: () => Promise.reject(new Error('unused')),
  read: () => Promise.reject(new Error('unused')),
};

const status = (code: number, message = 'no') => ({ code, body: { kind: 'Status', message } });

describe('errors of the API', () => {
  test.each<[string, Answer, object]>([
    ['400', status(400), { nonRetryable: true, type: 'refused' }],
    ['401', status(401), { nonRetryable: true, message: expect.stringContaining('credentials') }],
    ['403', status(403), { nonRetryable: true, message: expect.stringContaining('deploy/rbac') }],
    ['404', status(404), { nonRetryable: true, message: expect.stringContaining('deleted') }],
    ['409', status(409), { nonRetryable: false, type: 'unavailable' }],
    ['429', status(429), { nonRetryable: false }],
    [
      '429 that says when',
      { ...status(429), headers: { 'retry-after': '7' } },
      { nonRetryable: false, nextRetryDelay: 7_000 },
    ],
    ['500', status(500), { nonRetryable: false, type: 'unavailable' }],
    ['503', status(503), { nonRetryable: false, type: 'unavailable' }],
    ['a broken connection', 'hang up', { nonRetryable: false, type: 'unreachable' }],
  ])('%s', async (_name, answer, expected) => {
    const api = await FakeApi.start(() => answer);
    const deps = { kubeConfig: api.kubeConfig, breaker: unbroken, artifacts, clusterName: 'trial' };
    const { planChange } = createKubernetesActivities(deps);
    const failed = new MockActivityEnvironment().run(planChange, {
      kind: 'restart' as const,
      target,
      token: 't',
    });
    await expect(failed).rejects.toMatchObject(expected);
    await expect(failed).rejects.toThrow('plan a restart of shop/Deployment/web on trial');
    await api.stop();
  });
});
