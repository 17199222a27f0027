import type { AlertRef } from './alerts';
import { badInput } from './errors';
import { isTarget, type Target } from './target';

/**
 * Something seen on a Kubernetes object: that the fault is there, that it went away, that another incident
 * owns it, or that the fault has brought about another (`child`).
 */
export interface Observation {
  /** `Pod/shop/web-abc`: the object that showed it. */
  object: string;
  state: 'broken' | 'recovered' | 'owned' | 'child';
  message: string;
  /** RFC 3339, UTC: when the fault became visible in the API. */
  seenAt: string;
  /** The alerts that told it, at most 20; absent where it was seen in the API. */
  alerts?: AlertRef[];
}

/** The signal `observed`: what was seen, and the episodes of the alerts that told it. */
export interface ObservedMessage {
  evidence: Observation;
  episodes?: string[];
}

/** A symptom on a target; one healing procedure at a time. */
export interface Incident {
  target: Target;
  symptom: string;
  /** What was seen first; further observations arrive by the signal `observed`. */
  observations: Observation[];
  /** Who asked, where a person did. */
  requestedBy?: string;
}

/** `ask`: a person agrees first. `pause`: reconciliation is paused meanwhile. `proceed`: as if nobody did. */
export type GitOpsMode = 'ask' | 'pause' | 'proceed';

/** What steers a healing; times in milliseconds. */
export interface HealingSettings {
  /** Healthy without a break for so long counts as healed. */
  soakMs: number;
  /** The same for nodes, which come back for a moment before they are lost again. */
  nodeSoakMs: number;
  /** How long a rung has until the target must be healthy. */
  verifyTimeoutMs: number;
  /** How long an approval is waited for. */
  approvalTimeoutMs: number;
  /** A fault that begins within so long after a rollout is held to follow it. */
  rolloutWindowMs: number;
  /** What is done about a target that Flux or Argo CD applies from Git. */
  gitOps: GitOpsMode;
  /** Whether the notifier is told of every change. */
  announce: boolean;
}

export const defaultHealingSettings: HealingSettings = {
  soakMs: 10_000,
  nodeSoakMs: 60_000,
  verifyTimeoutMs: 10 * 60_000,
  approvalTimeoutMs: 60 * 60_000,
  rolloutWindowMs: 10 * 60_000,
  gitOps: 'ask',
  announce: false,
};

/** Input of the workflow `heal`. Settings left out take their defaults. */
export interface HealInput {
  incident: Incident;
  settings?: Partial<HealingSettings>;
  /** Say what would be done, and do nothing. */
  dryRun?: boolean;
}

const observationStates: readonly Observation['state'][] = [
  'broken',
  'recovered',
  'owned',
  'child',
];

/** Whether something that came from outside is an observation. */
export function isObservation(value: unknown): value is Observation {
  if (typeof value !== 'object' || value === null) return false;
  const { object, state, message, seenAt, alerts } = value as Record<string, unknown>;
  const texts = [object, message, seenAt].every((text) => typeof text === 'string');
  const told = alerts === undefined || Array.isArray(alerts);
  return texts && told && (observationStates as readonly unknown[]).includes(state);
}

/** Whether something that came by the signal `observed` is what it carries. */
export function isObservedMessage(value: unknown): value is ObservedMessage {
  const { evidence, episodes } = (value ?? {}) as Record<string, unknown>;
  return isObservation(evidence) && (episodes === undefined || Array.isArray(episodes));
}

/**
 * Checks the input of `heal`, which scripts can start too.
 * @throws HomeostatError `bad-input` that names the field and the mend.
 */
export function checkHealInput(input: unknown): asserts input is HealInput {
  const incident = (input as Partial<HealInput> | undefined)?.incident;
  if (!isTarget(incident?.target)) {
    throw badInput(
      `incident.target ${JSON.stringify(incident?.target) ?? 'missing'}`,
      'give {"cluster", "kind", "namespace", "name"}',
    );
  }
  const { observations } = incident;
  if (!Array.isArray(observations) || !observations.every(isObservation)) {
    throw badInput(
      `incident.observations ${JSON.stringify(observations) ?? 'missing'}`,
      'give a list of {"object", "state", "message", "seenAt"}, which may be empty',
    );
  }
}
