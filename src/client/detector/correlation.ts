import type { KubernetesObject, V1Pod } from '@kubernetes/client-node';
import { failingRegistries } from '../../model/kubernetes/faults/containers';
import { registryKind, type Target } from '../../model/target';

/** Symptoms of pods and workloads that one cause may bring about together, the most telling first. */
export const tellingOrder: readonly string[] = [
  'image-pull',
  'config-error',
  'oom-killed',
  'crash-loop',
  'pod-pending',
  'rollout-stuck',
  'daemonset-stuck',
  'statefulset-mismatch',
];

/** Whether one of the symptoms that a target shows says more of its trouble than this one, which then is no incident. */
export function isExplained(symptom: string, shown: readonly string[]): boolean {
  const rank = Math.max(0, tellingOrder.indexOf(symptom));
  return tellingOrder.slice(0, rank).some((other) => shown.includes(other));
}

/** The incident that a symptom on an object is a part of. */
export interface Cause {
  symptom: string;
  target: Target;
  /** A healing of the symptom that runs already goes on, since other objects of its target may show it too; the cause's is told. */
  leavesRunning?: boolean;
}

/** What a rule may know beside the object that it is asked about. */
export interface Outside {
  cluster: string;
  isRegistryAway: (host: string) => boolean;
  /** The symptom of a node that is down, also before it is due. */
  nodeSymptom: (node: string) => string | undefined;
}

/** Names the cause elsewhere that explains a symptom on an object, if any. */
type Rule = (symptom: string, object: KubernetesObject, outside: Outside) => Cause | undefined;

/** A registry that is away owns the pods that wait for its images. */
const registryAway: Rule = (symptom, object, { cluster, isRegistryAway }) => {
  if (symptom !== 'image-pull') return undefined;
  const host = failingRegistries(object as V1Pod).find(isRegistryAway);
  return host === undefined
    ? undefined
    : { symptom: 'registry-unreachable', target: registryTarget(cluster, host) };
};

/** Symptoms of a node with which nothing on it can be expected to work. */
export const downSymptoms: readonly string[] = [
  'node-not-ready',
  'node-problem',
  'node-unreachable',
];

/** A node that is down owns the troubles of its pods, but for those that cannot end: their runbook knows which may go. */
const nodeDown: Rule = (found, object, { cluster, nodeSymptom }) => {
  if (found === 'stuck-terminating') return undefined;
  const name = (object as V1Pod).spec?.nodeName;
  const symptom = name && nodeSymptom(name);
  return symptom
    ? { symptom, target: { cluster, kind: 'Node', name }, leavesRunning: true }
    : undefined;
};

const rules: readonly Rule[] = [registryAway, nodeDown];

/** The first cause that a rule knows. */
export function causeOf(
  symptom: string,
  object: KubernetesObject,
  outside: Outside,
): Cause | undefined {
  for (const rule of rules) {
    const cause = rule(symptom, object, outside);
    if (cause) return cause;
  }
  return undefined;
}

/** A registry as a target. */
export function registryTarget(cluster: string, host: string): Target {
  return { cluster, kind: registryKind, name: host };
}
