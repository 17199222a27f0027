import { kindOf, specChangedAt, templateChangedBy } from '../../../src/model/kubernetes/objects';
import { controllerOf, isIgnored, isProtected } from '../../../src/model/kubernetes/owners';
import { at, daemonSet, deployment, pod, statefulSet } from './objects';

const marked = (mark: string, value = 'true') => ({
  metadata: { annotations: { [`homeostat.dev/${mark}`]: value } },
});

describe('marks', () => {
  test.each([
    ['on the object', marked('ignore'), undefined, true],
    ['on its namespace', {}, marked('ignore'), true],
    ['as a label', { metadata: { labels: { 'homeostat.dev/ignore': 'true' } } }, undefined, true],
    ['switched off', marked('ignore', 'false'), undefined, false],
    ['another mark', marked('protected'), {}, false],
  ])('ignore %s', (_name, object, namespace, expected) => {
    expect(isIgnored(object, namespace)).toBe(expected);
  });

  test('protected, itself or by its namespace', () => {
    expect(isProtected(marked('protected'))).toBe(true);
    expect(isProtected({}, marked('protected'))).toBe(true);
    expect(isProtected({}, {})).toBe(false);
  });
});

test('only an owner that controls counts', () => {
  expect(controllerOf(pod())?.name).toBe('web-b');
  const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'x', uid: 'x' }];
  expect(controllerOf({ metadata: { ownerReferences } })).toBeUndefined();
});

test('the kind is told from the shape, since items of a list do not carry it', () => {
  expect([deployment(), statefulSet(), daemonSet()].map(kindOf)).toEqual([
    'Deployment',
    'StatefulSet',
    'DaemonSet',
  ]);
});

test("a change of the spec is told from the controller's reports and from notes by others", () => {
  const workload = deployment({ changedAt: at(3) });
  workload.metadata!.managedFields!.push({
    manager: 'kubectl-annotate',
    time: at(50) as unknown as Date,
    fieldsV1: { 'f:metadata': {} },
  });
  expect(specChangedAt(workload)).toBe(at(3));
  expect(templateChangedBy(workload)).toBe('kubectl');
});
