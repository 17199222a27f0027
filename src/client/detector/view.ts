import type { V1Node, V1Pod, V1PodDisruptionBudget } from '@kubernetes/client-node';
import type { DetectionSettings, Health, HealthCheckName } from '../../model/healing';
import { failingRegistries } from '../../model/kubernetes/faults/containers';
import { healthChecks, type TargetView } from '../../model/kubernetes/health';
import type { Workload } from '../../model/kubernetes/objects';
import { currentOf, type RevisionObject, revisionsOf } from '../../model/kubernetes/revisions';
import { selects } from '../../model/kubernetes/selectors';
import { isWorkloadKind, registryKind, type Target } from '../../model/target';
import type { Cache } from './cache';
import type { RawObject } from './resources';

/** A target as it is in the cache; undefined where it is not there or of a kind that is not watched. */
export interface WorkloadView extends TargetView {
  revisions: RevisionObject[];
}

/** A workload or a bare pod with everything that belongs to it, or a registry with the pods that wait for it. */
export function viewOf(target: Target, cache: Cache): WorkloadView | undefined {
  if (target.kind === registryKind) return registryView(target, cache);
  const object = cache.find(target.kind, target.namespace, target.name);
  if (!object) return undefined;
  if (!isWorkloadKind(target.kind)) {
    const cordoned = target.kind === budget ? cordonedNodes(cache) : undefined;
    return { object, pods: podsOf(target.kind, object, cache), revisions: [], cordoned };
  }
  const workload = object as Workload;
  const children = cache.childrenOf(object.metadata.uid);
  const own = children.filter(({ kind }) => kind === 'ReplicaSet' || kind === 'ControllerRevision');
  const revisions = revisionsOf(workload, own as RevisionObject[]);
  const pods = [object, ...own].flatMap((owner) => podsOf(owner.kind, owner, cache));
  return { object, workload, pods, revisions, current: currentOf(workload, revisions) };
}

function podsOf(kind: string | undefined, object: RawObject, cache: Cache): V1Pod[] {
  if (kind === 'Pod') return [object as V1Pod];
  if (kind === 'Node') return cache.podsOn(object.metadata.name ?? '') as V1Pod[];
  if (kind === budget) {
    const { selector } = (object as V1PodDisruptionBudget).spec ?? {};
    const { namespace } = object.metadata;
    return cache
      .all('Pod')
      .filter(isPod)
      .filter(
        ({ metadata }) => metadata.namespace === namespace && selects(selector, metadata.labels),
      );
  }
  return cache.childrenOf(object.metadata.uid).filter(isPod);
}

const budget = 'PodDisruptionBudget';

/** The nodes that take no new pods, as somebody asked. */
export function cordonedNodes(cache: Cache): V1Node[] {
  const nodes = cache.all('Node') as V1Node[];
  return nodes.filter(({ spec }) => spec?.unschedulable);
}

const isPod = (object: RawObject): object is RawObject & V1Pod => object.kind === 'Pod';

function registryView({ kind, name }: Target, cache: Cache): WorkloadView {
  const pods = (cache.all('Pod') as V1Pod[]).filter((pod) => failingRegistries(pod).includes(name));
  return { object: { kind, metadata: { name } }, pods, revisions: [] };
}

/** The health of a target by a runbook's own check. */
export function healthOf(
  view: WorkloadView,
  check: HealthCheckName,
  settings: DetectionSettings,
): Health {
  return healthChecks[check](view, settings);
}
