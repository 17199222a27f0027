import { defaultDetectionSettings as settings } from '../../../src/model/healing';
import { hasStuckNodes, hasStuckOrdinal } from '../../../src/model/kubernetes/faults/replicas';
import { at, daemonSet, deployment, type PodOptions, pod, statefulSet } from './objects';

const spec = { nodeName: 'n1' };
const ready = pod({ spec });
const unready = (more: PodOptions = {}) => pod({ name: 'web-0', ready: false, spec, ...more });
const around = (...pods: ReturnType<typeof pod>[]) => ({ pods: () => pods });

const found = {
  since: at(5),
  due: at(5 + 300),
  message: '1 of 2 pods are not ready: web-0',
};

test('an ordinal that stays unready outside a rollout', () => {
  expect(hasStuckOrdinal(statefulSet(), settings, around(ready, unready()))).toEqual(found);
});

test('pods that stay unready on some nodes', () => {
  expect(hasStuckNodes(daemonSet(), settings, around(ready, unready()))).toEqual(found);
});

test('a DaemonSet whose pods are all updated and unready', () => {
  const set = daemonSet({ status: { numberReady: 0, numberAvailable: 0 } });
  expect(hasStuckNodes(set, settings, around(unready()))).toBeDefined();
});

test('a StatefulSet whose first rollout never got ready', () => {
  const set = statefulSet({ status: { readyReplicas: 0, availableReplicas: 0 } });
  expect(hasStuckOrdinal(set, settings, around(unready()))).toBeDefined();
});

test.each([
  ['ready pods', statefulSet(), ready],
  ['a pod that terminates', statefulSet(), unready({ deletionTimestamp: at(9) })],
  ['a pod that was not scheduled', statefulSet(), unready({ spec: {} })],
  ['a pod that has failed', statefulSet(), unready({ phase: 'Failed' })],
  ['a rollout', statefulSet({ status: { currentRevision: 'web-a' } }), unready()],
  ['a set that is deleted', statefulSet({ metadata: { deletionTimestamp: at(9) } }), unready()],
  ['a Deployment', deployment(), unready()],
  ['a DaemonSet', daemonSet(), unready()],
])('no stuck ordinal: %s', (_name, workload, one) => {
  expect(hasStuckOrdinal(workload, settings, around(one))).toBeUndefined();
});

test.each([
  ['ready pods', daemonSet(), ready],
  ['a StatefulSet', statefulSet(), unready()],
])('no stuck nodes: %s', (_name, workload, one) => {
  expect(hasStuckNodes(workload, settings, around(one))).toBeUndefined();
});
