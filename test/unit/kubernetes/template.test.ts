import { templateOf } from '../../../src/model/kubernetes/revisions';
import {
  canonicalJson,
  normaliseTemplate,
  sameTemplate,
} from '../../../src/model/kubernetes/template';
import { controllerRevision, replicaSet, template } from './objects';

describe('templates', () => {
  test.each([
    ['ReplicaSet', replicaSet('b', 'web:2', 2)],
    ['ControllerRevision', controllerRevision('b', 'web:2', 2)],
  ])('the copy in a %s means the same', (_kind, object) => {
    expect(sameTemplate(templateOf(object), template('web:2'))).toBe(true);
    expect(sameTemplate(templateOf(object), template('web:3'))).toBe(false);
  });

  test('normalising leaves what was given untouched', () => {
    const given = replicaSet('b', 'web:2', 2).spec!.template!;
    const before = structuredClone(given);
    normaliseTemplate(given);
    expect(given).toEqual(before);
  });

  test('a nothing is like another nothing', () => {
    expect(sameTemplate(undefined, undefined)).toBe(false);
    const bare = { metadata: { labels: {}, annotations: {} } };
    expect(normaliseTemplate(bare)).toEqual({ metadata: {} });
  });

  test('equal values give equal text, whatever the order of their keys', () => {
    expect(canonicalJson({ b: [{ d: 1, c: null }], a: 'x' })).toBe(
      '{"a":"x","b":[{"c":null,"d":1}]}',
    );
    expect(canonicalJson({ a: 1, b: 2 })).toBe(canonicalJson({ b: 2, a: 1 }));
    expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]));
  });
});
