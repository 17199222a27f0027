import { isTerminating } from '../../model/kubernetes/objects';
import { isWorkloadKind, type Target } from '../../model/target';
import { type Cache, controllerOf } from './cache';
import type { RawObject } from './resources';

/**
 * What an incident of an object is about: its workload, its owner where that is of a kind that is
 * not watched, or itself. Undefined while an owner that is watched was not seen yet.
 */
export function targetOf(object: RawObject, cache: Cache, cluster: string): Target | undefined {
  const top = topOwner(object, cache) ?? orphan(object);
  return top && { cluster, kind: top.kind, namespace: top.namespace, name: top.name };
}

/** Kinds whose objects are made and replaced by their owner. */
const standsForOwner = ['Pod', 'ReplicaSet', 'ControllerRevision', 'Job'];

type Owner = Pick<Target, 'kind' | 'namespace' | 'name'>;

/** A pod that is being deleted may outlive its owner; all else waits for its owner to be seen. */
function orphan(object: RawObject): Owner | undefined {
  if (object.kind !== 'Pod' || !isTerminating(object)) return undefined;
  const { namespace, name = '' } = object.metadata;
  return { kind: 'Pod', namespace, name };
}

function topOwner(object: RawObject, cache: Cache): Owner | undefined {
  const { namespace, name = '' } = object.metadata;
  const kind = object.kind ?? '';
  const reference = controllerOf(object);
  // A static pod belongs to its node in name only: healing the node would not mend it.
  if (!reference || !standsForOwner.includes(kind) || reference.kind === 'Node')
    return { kind, namespace, name };
  if (reference.kind !== 'ReplicaSet' && !isWorkloadKind(reference.kind)) {
    return { kind: reference.kind, namespace, name: reference.name };
  }
  const owner = cache.find(reference.kind, namespace, reference.name);
  return owner?.metadata.uid === reference.uid ? topOwner(owner, cache) : undefined;
}
