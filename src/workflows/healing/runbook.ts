import type { V1DaemonSet, V1Deployment, V1Pod, V1StatefulSet } from '@kubernetes/client-node';
import type {
  DetectionSettings,
  Diagnosis,
  Finding,
  HealthCheckName,
  PlannedChange,
} from '../../model/healing';
import type { HealingSettings } from '../../model/incident';
import type { Target } from '../../model/target';

export type Workload = V1Deployment | V1StatefulSet | V1DaemonSet;

/** How a symptom is detected, healed and verified. */
export interface Runbook {
  /** Kebab-case; part of the incident's identity. */
  symptom: string;
  title: string;
  /** Pure predicates over objects that the detector watches. */
  detect: {
    pod?: (pod: V1Pod) => Finding | undefined;
    workload?: (workload: Workload, settings: DetectionSettings) => Finding | undefined;
  };
  /** Names of the alerts that it answers. */
  alerts: readonly string[];
  /** Least invasive first; the first that applies and was not tried is taken. */
  ladder: readonly Rung[];
  healed: HealthCheckName;
}

/** One action of a ladder. */
export interface Rung {
  name: string;
  when: (diagnosis: Diagnosis, settings: HealingSettings, target: Target) => boolean;
  /** Works the change out without making it. */
  plan: (context: RungContext) => Promise<PlannedChange>;
  /** Set where a person must agree, whatever the marks on the target say. */
  needsApproval?: string;
}

export interface RungContext {
  target: Target;
  diagnosis: Diagnosis;
  /** The same for every attempt of this procedure, so that a repeated action knows its own effect. */
  token: string;
}
