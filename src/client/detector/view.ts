import type { V1Pod } from '@kubernetes/client-node';
import type { Health, HealthCheckName } from '../../model/healing';
import { healthChecks, type TargetView } from '../../model/kubernetes/health';
import type { Workload } from '../../model/kubernetes/objects';
import { currentOf, type RevisionObject, revisionsOf } from '../../model/kubernetes/revisions';
import { isWorkloadKind, type Target } from '../../model/target';
import type { Cache } from './cache';

/** A target as it is in the cache; undefined where it is not there or of a kind that is not watched. */
export interface WorkloadView extends TargetView {
  revisions: RevisionObject[];
}

/** A workload or a bare pod with everything that belongs to it. */
export function viewOf(target: Target, cache: Cache): WorkloadView | undefined {
  const object = cache.find(target.kind, target.namespace, target.name);
  if (!object) return undefined;
  if (!isWorkloadKind(target.kind)) {
    return { object, pods: target.kind === 'Pod' ? [object as V1Pod] : [], revisions: [] };
  }
  const workload = object as Workload;
  const children = cache.childrenOf(object.metadata.uid);
  const own = children.filter(({ kind }) => kind === 'ReplicaSet' || kind === 'ControllerRevision');
  const revisions = revisionsOf(workload, own as RevisionObject[]);
  const pods = [object, ...own]
    .flatMap(({ metadata }) => cache.childrenOf(metadata.uid))
    .filter(({ kind }) => kind === 'Pod') as V1Pod[];
  return { object, workload, pods, revisions, current: currentOf(workload, revisions) };
}

/** The health of a target by a runbook's own check. */
export function healthOf(view: WorkloadView, check: HealthCheckName): Health {
  return healthChecks[check](view);
}
