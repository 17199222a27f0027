import type {
  KubernetesObject,
  V1Job,
  V1Node,
  V1PersistentVolumeClaim,
  V1Pod,
  V1PodDisruptionBudget,
  V2HorizontalPodAutoscaler,
} from '@kubernetes/client-node';
import type { ChangeRequest } from '../../model/change';
import type { DetectionSettings, Diagnosis, Finding, HealthCheckName } from '../../model/healing';
import type { HealingSettings } from '../../model/incident';
import { isTerminating, type Workload } from '../../model/kubernetes/objects';
import { isWorkloadKind, type Target } from '../../model/target';

/** What stands around an object, for the predicates that cannot judge by the object alone. */
export interface Surroundings {
  /** The target that the object belongs to, where it is known. */
  target: () => KubernetesObject | undefined;
  /** The pods of that target. */
  pods: () => V1Pod[];
  /** When a node lost its Ready, RFC 3339, oldest first; absent where nobody kept watch. */
  readyLosses?: () => readonly string[];
  /** The cordoned nodes of the cluster. */
  cordoned: () => V1Node[];
}

type Predicate<T> = (
  object: T,
  settings: DetectionSettings,
  around: Surroundings,
) => Finding | undefined;

/** Pure predicates over objects that the detector watches, by kind. */
export interface Detect {
  pod?: Predicate<V1Pod>;
  /** For a pod that is being deleted; no other predicate gets to see it. */
  terminatingPod?: Predicate<V1Pod>;
  workload?: Predicate<Workload>;
  node?: Predicate<V1Node>;
  job?: Predicate<V1Job>;
  horizontalPodAutoscaler?: Predicate<V2HorizontalPodAutoscaler>;
  persistentVolumeClaim?: Predicate<V1PersistentVolumeClaim>;
  podDisruptionBudget?: Predicate<V1PodDisruptionBudget>;
}

/** How a symptom is detected, healed and verified. */
export interface Runbook {
  /** Kebab-case; part of the incident's identity. */
  symptom: string;
  title: string;
  detect: Detect;
  /** Names of the alerts that it answers. */
  alerts: readonly string[];
  /** Least invasive first; the first that applies and was not tried is taken. */
  ladder: readonly Rung[];
  healed: HealthCheckName;
  /** Which setting says how long it must be healthy; that of workloads where left out. */
  soak?: 'nodeSoakMs';
  /** It looks healthy between its faults, so that one look proves nothing and it is acted on at once. */
  intermittent?: boolean;
}

/** One action of a ladder. */
export interface Rung {
  name: string;
  /** Whether it comes into question; the plan looks closer, and may still decline. */
  when: (diagnosis: Diagnosis, settings: HealingSettings, target: Target) => boolean;
  /** The change that it asks for. */
  change: (context: RungContext) => ChangeRequest;
  /** Set where a person must agree, whatever the marks on the target say. */
  needsApproval?: string;
  /** Only prepares the next rung, so that its own effect is waited for only where no other follows. */
  prepares?: boolean;
  /** An abort may end it in its middle. */
  interruptible?: boolean;
}

export interface RungContext {
  target: Target;
  diagnosis: Diagnosis;
  /** The same for every attempt of this procedure, so that a repeated action knows its own effect. */
  token: string;
}

/** What a runbook sees on an object; the kind is given, since the items of a list do not carry it. */
export function findingOn(
  { detect }: Runbook,
  kind: string,
  object: KubernetesObject,
  settings: DetectionSettings,
  around: Surroundings,
): Finding | undefined {
  const name = predicateFor(kind, object);
  const predicate = name && (detect[name] as Predicate<object> | undefined);
  return predicate?.(object, settings, around);
}

function predicateFor(kind: string, object: KubernetesObject): keyof Detect | undefined {
  if (isTerminating(object)) return kind === 'Pod' ? 'terminatingPod' : undefined;
  if (isWorkloadKind(kind)) return 'workload';
  return `${kind.charAt(0).toLowerCase()}${kind.slice(1)}` as keyof Detect;
}
