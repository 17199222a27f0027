import type { V1Node, V1Pod, V1PodDisruptionBudget } from '@kubernetes/client-node';
import { defaultDetectionSettings } from '../../../src/model/healing';
import { isHoldingUpDrain } from '../../../src/model/kubernetes/faults/budgets';
import { healthChecks } from '../../../src/model/kubernetes/health';
import { selects } from '../../../src/model/kubernetes/selectors';
import { at, pod } from './objects';

const settings = { ...defaultDetectionSettings, drainDeadlineMs: 60_000 };

function budget(status: object = {}): V1PodDisruptionBudget {
  return {
    metadata: { name: 'web', generation: 1 },
    spec: { minAvailable: 2 },
    status: {
      observedGeneration: 1,
      disruptionsAllowed: 0,
      expectedPods: 2,
      currentHealthy: 2,
      desiredHealthy: 2,
      conditions: [
        { type: 'DisruptionAllowed', status: 'False', reason: '', lastTransitionTime: at(10) },
      ],
      ...status,
    },
  } as unknown as V1PodDisruptionBudget;
}

function node(name: string, timeAdded?: string): V1Node {
  const taints = [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule', timeAdded }];
  return { metadata: { name }, spec: { unschedulable: true, taints } } as unknown as V1Node;
}

const on = (nodeName: string): V1Pod => pod({ name: `on-${nodeName}`, spec: { nodeName } });
const around = (pods: V1Pod[], ...cordoned: V1Node[]) => ({
  pods: () => pods,
  cordoned: () => cordoned,
});

describe('isHoldingUpDrain', () => {
  test('counts from the cordon, after the deadline', () => {
    const finding = isHoldingUpDrain(budget(), settings, around([on('n1')], node('n1', at(30))));
    expect(finding).toMatchObject({ since: at(30), due: at(90) });
    expect(finding?.message).toContain('pod on-n1 cannot leave the cordoned node n1');
  });

  test.each([
    ['no node is cordoned', budget(), around([on('n1')])],
    ['its pods are on other nodes', budget(), around([on('n2')], node('n1', at(30)))],
    [
      'a disruption is allowed',
      budget({ disruptionsAllowed: 1 }),
      around([on('n1')], node('n1', at(30))),
    ],
    ['too few are healthy', budget({ currentHealthy: 1 }), around([on('n1')], node('n1', at(30)))],
    [
      'its controller is behind',
      budget({ observedGeneration: 0 }),
      around([on('n1')], node('n1', at(30))),
    ],
    ['the time of the cordon is not known yet', budget(), around([on('n1')], node('n1'))],
  ])('is not to be seen where %s', (_name, object, surroundings) => {
    expect(isHoldingUpDrain(object, settings, surroundings)).toBeUndefined();
  });
});

describe('no-drain-waits', () => {
  test.each([
    ['healthy', 'nothing is cordoned', budget(), []],
    ['pending', 'a pod waits', budget(), [node('n1', at(30))]],
    ['healthy', 'the cordoned node has none of its pods', budget(), [node('n2', at(30))]],
    ['pending', 'too few are healthy', budget({ currentHealthy: 1 }), []],
  ] as const)('%s: %s', (state, _name, object, cordoned) => {
    const view = { object, pods: [on('n1')], cordoned: [...cordoned] };
    expect(healthChecks['no-drain-waits'](view).state).toBe(state);
  });
});

describe('a selector', () => {
  const labels = { app: 'web', tier: 'front' };

  test.each([
    [true, { matchLabels: { app: 'web' } }],
    [false, { matchLabels: { app: 'db' } }],
    [false, {}],
    [true, { matchExpressions: [{ key: 'tier', operator: 'In', values: ['front'] }] }],
    [false, { matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] }],
    [true, { matchExpressions: [{ key: 'zone', operator: 'NotIn', values: ['a'] }] }],
    [true, { matchExpressions: [{ key: 'app', operator: 'Exists' }] }],
    [false, { matchExpressions: [{ key: 'app', operator: 'DoesNotExist' }] }],
  ])('%s: %j', (expected, selector) => {
    expect(selects(selector, labels)).toBe(expected);
  });
});
