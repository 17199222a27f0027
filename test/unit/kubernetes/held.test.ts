import type { V1Node } from '@kubernetes/client-node';
import {
  clearingPatch,
  type Held,
  heldAmong,
  leakedAmong,
  leftToLookAt,
} from '../../../src/model/kubernetes/held';

const marked = (name: string, heldBy?: string, spec = {}): V1Node => ({
  metadata: {
    name,
    resourceVersion: '7',
    annotations: heldBy ? { 'homeostat.dev/held-by': heldBy } : {},
  },
  spec,
});

const mine = 'heal:lab:_:Node:n1:node-not-ready';

test('finds what a procedure of this cluster holds, and leaves that of others alone', () => {
  const nodes = [
    marked('n1', mine, { unschedulable: true }),
    marked('n2'),
    marked('n3', 'heal:other:_:Node:n3:node-not-ready'),
    marked('n4', 'experiment:drain'),
  ];
  expect(heldAmong('Node', nodes, 'lab')).toMatchObject([
    { name: 'n1', heldBy: mine, cordoned: true, resourceVersion: '7' },
    { name: 'n4', heldBy: 'experiment:drain', cordoned: false },
  ]);
});

test('only what no running procedure holds has leaked', () => {
  const held = heldAmong('Node', [marked('n1', mine), marked('n4', 'experiment:x')], 'lab');
  expect(leakedAmong(held, new Set([mine])).map(({ name }) => name)).toEqual(['n4']);
});

test.each<[string, Partial<Held>, object, RegExp]>([
  [
    'a cordoned node is uncordoned',
    { kind: 'Node', name: 'n1', cordoned: true },
    { apiVersion: 'v1', spec: { unschedulable: null } },
    /uncordoned/,
  ],
  [
    'of anything else only the mark goes',
    { kind: 'PodDisruptionBudget', namespace: 'shop', name: 'web', cordoned: false },
    { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget' },
    /compare it with its manifest/,
  ],
])('%s, as long as it is as it was seen', (_name, more, expected, told) => {
  const held = { heldBy: mine, resourceVersion: '7', ...more } as Held;
  const patch = clearingPatch(held);
  expect(patch).toMatchObject({
    ...expected,
    metadata: { resourceVersion: '7', annotations: { 'homeostat.dev/held-by': null } },
  });
  expect('spec' in patch).toBe(held.cordoned);
  expect(leftToLookAt(held)).toMatch(told);
});
