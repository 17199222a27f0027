import type { KubernetesObject, V1Node, V1Pod } from '@kubernetes/client-node';
import type { Workload } from '../objects';
import type { RevisionObject } from '../revisions';

/** What a health check looks at. */
export interface TargetView {
  /** The target itself. */
  object: KubernetesObject;
  /** The target, where it is a workload. */
  workload?: Workload;
  /** The pods of a workload, Job or PodDisruptionBudget, those on a node, or the one that is the target. */
  pods: V1Pod[];
  /** The cordoned nodes of the cluster, where the target is a PodDisruptionBudget. */
  cordoned?: V1Node[];
  /** The revision of the workload's template as it is now; absent before its controller made it. */
  current?: RevisionObject;
}
