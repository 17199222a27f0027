import type { KubernetesObject, V1Node } from '@kubernetes/client-node';
import type { Target } from '../target';
import { kinds } from './kinds';
import { heldByMark } from './owners';

/** Kinds of which a procedure changes something for a while. */
export const holdableKinds = [
  'Node',
  'Deployment',
  'StatefulSet',
  'DaemonSet',
  'CronJob',
  'HorizontalPodAutoscaler',
  'PodDisruptionBudget',
  'PersistentVolumeClaim',
] as const;

export type HoldableKind = (typeof holdableKinds)[number];

/** An object that carries the mark of a procedure that changed it for a while. */
export interface Held extends Pick<Target, 'kind' | 'namespace' | 'name'> {
  /** Its workflow id. */
  heldBy: string;
  resourceVersion: string | undefined;
  /** Set for a node that takes no new pods. */
  cordoned: boolean;
}

/** Of the objects of a kind, those that a procedure of this cluster holds. */
export function heldAmong(
  kind: HoldableKind,
  objects: readonly KubernetesObject[],
  cluster: string,
): Held[] {
  return objects.flatMap((object) => {
    const { name = '', namespace, resourceVersion, annotations } = object.metadata ?? {};
    const heldBy = annotations?.[heldByMark];
    if (heldBy === undefined || !isOf(cluster, heldBy)) return [];
    const cordoned = kind === 'Node' && (object as V1Node).spec?.unschedulable === true;
    return [{ kind, namespace, name, heldBy, resourceVersion, cordoned }];
  });
}

/** Another Homeostat may look after the same objects by another name, and have its procedures elsewhere. */
function isOf(cluster: string, workflowId: string): boolean {
  return !workflowId.startsWith('heal:') || workflowId.startsWith(`heal:${cluster}:`);
}

/** Those whose procedure is over, so that nothing will ever take the mark away. */
export function leakedAmong(held: readonly Held[], running: ReadonlySet<string>): Held[] {
  return held.filter(({ heldBy }) => !running.has(heldBy));
}

/** What takes a leaked mark away, on the condition that the object is still as it was seen: a merge patch. */
export function clearingPatch({ kind, name, namespace, resourceVersion, cordoned }: Held) {
  const annotations = { [heldByMark]: null };
  return {
    apiVersion: kinds[kind]?.api.replace(/^apis?\//, ''),
    kind,
    metadata: { name, namespace, resourceVersion, annotations },
    ...(cordoned && { spec: { unschedulable: null } }),
  };
}

/** What a person should still look at, once the mark is gone: only a cordon is known without the procedure's record. */
export function leftToLookAt({ kind, cordoned }: Held): string {
  if (cordoned) return 'uncordoned';
  if (kind === 'Node') return 'it was not cordoned';
  return 'compare it with its manifest: what the procedure changed for a while may still stand';
}
