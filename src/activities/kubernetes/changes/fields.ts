import type { KubernetesObject } from '@kubernetes/client-node';
import type { FieldChange, FieldsChange, FieldsChangeKind } from '../../../model/change';
import { heldByMark } from '../../../model/kubernetes/owners';
import { canonicalJson } from '../../../model/kubernetes/template';
import type { Declined, Planned, StepResult } from '../../../model/procedure';
import { formatTarget, type Target } from '../../../model/target';
import { workflowId } from '../attend';
import type { KubernetesClient, PatchOperation } from '../client';
import { isConflict, later } from '../errors';
import { changeDigest } from '../hash';
import { findObject, pathOf } from '../resources';
import type { ChangeContext, ChangeOfKind } from './kind';

const mostLooks = 10;

/**
 * A kind of change that sets some fields of one object. Its plan answers the fields with their present
 * and wanted values, read from the live object, and the words for people.
 */
export function fieldsChange<K extends FieldsChangeKind>(
  kind: K,
  plan: (context: ChangeContext, target: Target) => Promise<FieldsPlan | Declined>,
): ChangeOfKind<K> {
  return {
    async plan(context, { target }) {
      const planned = await plan(context, target);
      if ('declined' in planned) return planned;
      const { object, fields, target: other, ...words } = planned;
      const heldBy = planned.temporary ? workflowId() : undefined;
      const change: FieldsChange<K> = {
        kind,
        target: other ?? target,
        uid: object.metadata?.uid ?? '',
        fields: heldBy ? [...fields, markOf(heldBy)] : fields,
        heldBy,
      };
      return { ...words, change: change as never, digest: changeDigest(change) };
    },
    make: ({ client }, change) => swapFields(client, change, change.fields),
    revert: ({ client }, change) => putBack(client, change),
  };
}

/** What a plan of a `fieldsChange` answers. */
export interface FieldsPlan extends Pick<Planned, 'summary' | 'undoSummary' | 'temporary'> {
  /** The object that is changed, where it is another than the one that was asked about. */
  target?: Target;
  /** The live object that the fields were read from. */
  object: KubernetesObject;
  fields: FieldChange[];
}

/** Puts the fields back to what they were; a mark of ours goes even where somebody else changed the rest. */
async function putBack(
  client: KubernetesClient,
  change: FieldsChange<string>,
): Promise<StepResult> {
  const back = change.fields.map(reversed);
  const result = await swapFields(client, change, back);
  if (result.result === 'superseded' && change.heldBy) {
    await swapFields(client, change, [reversed(markOf(change.heldBy))]);
  }
  return result;
}

const reversed = ({ path, from, to }: FieldChange): FieldChange => ({ path, from: to, to: from });

const markOf = (heldBy: string): FieldChange => ({
  path: pointerTo('metadata', 'annotations', heldByMark),
  to: heldBy,
});

/** The value at a JSON pointer; undefined where there is none. */
export function valueAt(object: object, pointer: string): unknown {
  return tokensOf(pointer).reduce<unknown>(
    (value, token) => (value as Record<string, unknown> | null | undefined)?.[token],
    object,
  );
}

/** A JSON pointer to a path of keys, such as that of an annotation with a slash in its name. */
export function pointerTo(...keys: (string | number)[]): string {
  return keys.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

async function swapFields(
  client: KubernetesClient,
  { target, uid }: FieldsChange<string>,
  fields: FieldChange[],
): Promise<StepResult> {
  const path = pathOf(target);
  const name = formatTarget(target);
  for (let look = 0; look < mostLooks; look++) {
    const object = await findObject<KubernetesObject>(client, path);
    if (object?.metadata?.uid !== uid)
      return { result: 'gone', detail: `${name} no longer exists` };
    const has = (wanted: (field: FieldChange) => unknown) =>
      fields.filter((field) => !same(valueAt(object, field.path), wanted(field)));
    const open = has(({ to }) => to);
    if (open.length === 0) return { result: 'already', detail: `${name} has it so` };
    const foreign = has(({ from }) => from);
    if (foreign.length > 0) {
      const which = foreign.map(({ path: field }) => field).join(', ');
      return { result: 'superseded', detail: `${name}: somebody else changed ${which} meanwhile` };
    }
    if (await patched(client, path, object, fields)) {
      return { result: 'changed', detail: `${name} was changed` };
    }
  }
  throw later(`${name} was changed by others ${mostLooks} times while it was to be changed`);
}

/** Writes only to the object and the version that were looked at; false where it has changed since. */
async function patched(
  client: KubernetesClient,
  path: string,
  object: KubernetesObject,
  fields: FieldChange[],
): Promise<boolean> {
  const { uid, resourceVersion } = object.metadata ?? {};
  try {
    await client.patch(path, [
      { op: 'test', path: '/metadata/uid', value: uid },
      { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion },
      ...operationsFor(object, fields),
    ]);
    return true;
  } catch (error) {
    if (!isConflict(error)) throw error;
    const now = await client.get<KubernetesObject>(path);
    // Refused although nothing had changed: the value itself is invalid.
    if (now.metadata?.resourceVersion === resourceVersion) throw error;
    return false;
  }
}

function operationsFor(object: object, fields: FieldChange[]): PatchOperation[] {
  const made = new Set<string>();
  return fields.flatMap(({ path, to }) => {
    if (to === undefined) {
      return valueAt(object, path) === undefined ? [] : [{ op: 'remove' as const, path }];
    }
    return [...parentsOf(object, path, made), { op: 'add' as const, path, value: to }];
  });
}

/** JSON patch adds no missing parents by itself, and an object without annotations has no map for them. */
function parentsOf(object: object, path: string, made: Set<string>): PatchOperation[] {
  const tokens = tokensOf(path);
  const parents = tokens.slice(0, -1).map((_, index) => pointerTo(...tokens.slice(0, index + 1)));
  const missing = parents.filter((parent) => !made.has(parent) && !valueAt(object, parent));
  for (const parent of missing) made.add(parent);
  return missing.map((parent) => ({ op: 'add', path: parent, value: {} }));
}

function tokensOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function same(one: unknown, other: unknown): boolean {
  if (one === undefined || other === undefined) return one === other;
  return canonicalJson(one) === canonicalJson(other);
}
