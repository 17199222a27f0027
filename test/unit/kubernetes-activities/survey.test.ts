import type { V1Node } from '@kubernetes/client-node';
import { MockActivityEnvironment } from '@temporalio/testing';
import {
  createKubernetesActivities,
  type KubernetesActivities,
} from '../../../src/activities/kubernetes';
import type { Surroundings } from '../../../src/model/governor/shares';
import type { Workload } from '../../../src/model/kubernetes/objects';
import type { Target } from '../../../src/model/target';
import { unbroken } from '../../support/unbroken';
import { deployment } from '../kubernetes/objects';
import { type Answer, type Asked, FakeApi } from './fake-api';

const zone = 'topology.kubernetes.io/zone';
const pool = 'eks.amazonaws.com/nodegroup';

function node(
  name: string,
  labels: Record<string, string>,
  trouble: Partial<Trouble> = {},
): V1Node {
  const { ready = true, pressure = false, cordoned = false } = trouble;
  const condition = (type: string, on: boolean) => ({ type, status: on ? 'True' : 'Unknown' });
  return {
    metadata: { name, labels },
    spec: { unschedulable: cordoned || undefined },
    status: { conditions: [condition('Ready', ready), condition('DiskPressure', pressure)] },
  };
}

interface Trouble {
  ready: boolean;
  pressure: boolean;
  cordoned: boolean;
}

function lacking(available: number, wanted: number): Workload {
  const workload = deployment();
  workload.spec!.replicas = wanted;
  workload.status = { ...workload.status, availableReplicas: available };
  return workload;
}

const nodes = [
  node('n1', { [zone]: 'a', [pool]: 'blue' }, { ready: false }),
  node('n2', { [zone]: 'a', [pool]: 'blue' }, { pressure: true }),
  node('n3', { [zone]: 'b', [pool]: 'blue' }, { cordoned: true }),
  node('n4', { [zone]: 'b', [pool]: 'green' }),
  node('n5', {}),
];

describe('a survey', () => {
  let api: FakeApi;
  let activities: KubernetesActivities;
  let answer: (asked: Asked) => Answer;

  beforeEach(async () => {
    answer = ({ path }) => ({ body: { items: path.endsWith('/nodes') ? nodes : [] } });
    api = await FakeApi.start((asked) => answer(asked));
    activities = createKubernetesActivities({
      kubeConfig: api.kubeConfig,
      artifacts: { put: () => Promise.reject(), read: () => Promise.reject() },
      breaker: unbroken,
      clusterName: 'lab',
    });
  });
  afterEach(() => api.stop());

  const survey = (kind: string, name: string): Promise<Surroundings> => {
    const target: Target = { cluster: 'lab', kind, name };
    return new MockActivityEnvironment().run(activities.survey, { target });
  };

  test('around a node counts its own pool and zone, and the node itself', async () => {
    expect(await survey('Node', 'n4')).toEqual({
      takenAt: expect.any(String),
      pool: 'green',
      zone: 'b',
      shares: [
        { scope: 'nodes', unhealthy: 4, total: 5 },
        { scope: 'pool/green', unhealthy: 1, total: 1 },
        { scope: 'zone/b', unhealthy: 2, total: 2 },
      ],
    });
    expect(await survey('Node', 'n1')).toMatchObject({
      shares: [
        { scope: 'nodes', unhealthy: 3 },
        { scope: 'pool/blue', unhealthy: 3, total: 3 },
        { scope: 'zone/a', unhealthy: 2, total: 2 },
      ],
    });
  });

  test('nodes without labels are one pool together, in no zone', async () => {
    const found = await survey('Node', 'n5');
    expect(found).toMatchObject({ pool: 'unlabelled', shares: [{}, { scope: 'pool/unlabelled' }] });
    expect(found.shares).toHaveLength(2);
  });

  test('a node that is gone still has the cluster around it', async () => {
    expect((await survey('Node', 'n9')).shares).toEqual([
      { scope: 'nodes', unhealthy: 3, total: 5 },
    ]);
  });

  test('of workloads leaves out those that are scaled to nothing, and reads all pages', async () => {
    answer = ({ path, query }) => {
      if (!path.endsWith('/deployments')) return { body: { items: [] } };
      if (query.get('continue') === 'next') return { body: { items: [lacking(0, 2)] } };
      return {
        body: {
          items: [lacking(2, 2), lacking(1, 2), lacking(0, 0)],
          metadata: { continue: 'next' },
        },
      };
    };
    const { shares } = await survey('Deployment', 'web');
    expect(shares).toEqual([{ scope: 'workloads', unhealthy: 2, total: 3 }]);
  });

  test('a thousand at once list the cluster once', async () => {
    await Promise.all(Array.from({ length: 1_000 }, () => survey('Node', 'n4')));
    expect(api.count('GET')).toBe(1);
  });

  test('one that fails is told, and the next looks again', async () => {
    const working = answer;
    answer = () => ({ code: 403, body: { message: 'forbidden' } });
    await expect(survey('Node', 'n4')).rejects.toThrow('forbidden');
    answer = working;
    expect((await survey('Node', 'n4')).pool).toBe('green');
  });
});
