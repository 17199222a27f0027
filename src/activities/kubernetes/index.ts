import type { KubeConfig } from '@kubernetes/client-node';
import { Context } from '@temporalio/activity';
import type { ArtifactStore } from '../../model/artifacts';
import type { Breaker } from '../../model/breaker';
import {
  type Change,
  type ChangeRequest,
  type ChangeSettings,
  defaultChangeSettings,
  type PlannedChange,
} from '../../model/change';
import type { Surroundings } from '../../model/governor/shares';
import {
  type DetectionSettings,
  type Diagnosis,
  defaultDetectionSettings,
  type HealthCheckName,
  type Verification,
} from '../../model/healing';
import { type NodeLabels, usualNodeLabels } from '../../model/kubernetes/nodes';
import type { Declined, EvidenceRef, StepResult } from '../../model/procedure';
import type { Target } from '../../model/target';
import { attend, withAttempts } from './attend';
import { awaitHealthy, type SoakSoFar } from './await-healthy';
import { makeChange, planChange, revertChange } from './changes';
import { createKubernetesClient } from './client';
import { diagnose } from './diagnose';
import { refuse } from './errors';
import { snapshot } from './snapshot';
import { createSurveyor } from './survey';

export { isUnanswered } from './errors';

/**
 * What workflows may ask of Kubernetes. Each observes, acts only if still needed, and verifies. What a
 * later attempt may mend fails as retryable; what only a person or another input mends fails for good,
 * with a message that says so.
 */
export interface KubernetesActivities {
  diagnose(input: { target: Target; check: HealthCheckName }): Promise<Diagnosis>;
  /** How much around a target is unhealthy; remembered for some seconds. */
  survey(input: { target: Target }): Promise<Surroundings>;
  snapshot(input: {
    target: Target;
    label: string;
    workflowId: string;
    runId: string;
  }): Promise<EvidenceRef[]>;
  planChange(request: ChangeRequest): Promise<PlannedChange | Declined>;
  makeChange(change: Change): Promise<StepResult>;
  revertChange(change: Change): Promise<StepResult>;
  awaitHealthy(input: {
    target: Target;
    check: HealthCheckName;
    soakMs: number;
    timeoutMs: number;
  }): Promise<Verification>;
}

export interface KubernetesDeps {
  kubeConfig: KubeConfig;
  /** Every request to the API server but those for logs goes through it. */
  breaker: Breaker;
  artifacts: ArtifactStore;
  /** The cluster that the KubeConfig leads to; targets of any other are refused. */
  clusterName: string;
  /** Namespaces in which every action needs an approval, beside those that are marked. */
  protectedNamespaces?: readonly string[];
  detection?: DetectionSettings;
  /** How changes are made. */
  changes?: ChangeSettings;
  /** Labels that tell a node's pool and zone; the usual ones where left out. */
  nodeLabels?: NodeLabels;
  /** Whether a procedure still runs, by its workflow id; where nobody can tell, it is taken to run. */
  isRunning?: (workflowId: string) => Promise<boolean>;
}

export function createKubernetesActivities(deps: KubernetesDeps): KubernetesActivities {
  const client = createKubernetesClient(deps.kubeConfig, deps.breaker);
  const context = {
    client,
    artifacts: deps.artifacts,
    detection: deps.detection ?? defaultDetectionSettings,
    settings: deps.changes ?? defaultChangeSettings,
    isRunning: deps.isRunning ?? (() => Promise.resolve(true)),
  };
  const survey = createSurveyor(client, deps.nodeLabels ?? usualNodeLabels);

  /** Attends to work on a target of this cluster. */
  async function on<T>(
    target: Target,
    doing: string,
    work: () => Promise<T>,
    details?: () => unknown,
  ): Promise<T> {
    assertOurs(target, deps.clusterName);
    return attend(doing, target, work, details);
  }

  return {
    diagnose: (input) =>
      on(input.target, 'look at', async () =>
        withAttempts(protect(await diagnose(context, input), input.target, deps)),
      ),
    survey: ({ target }) => on(target, 'look around', () => survey(target)),
    snapshot: (input) =>
      on(input.target, 'keep evidence of', () => snapshot(client, deps.artifacts, input)),
    planChange: (request) =>
      on(request.target, `plan a ${request.kind} of`, () => planChange(context, request)),
    makeChange: (change) =>
      on(change.target, 'change', async () => withAttempts(await makeChange(context, change))),
    revertChange: (change) =>
      on(change.target, 'change back', async () =>
        withAttempts(await revertChange(context, change)),
      ),
    awaitHealthy: (input) => {
      const { info, cancellationSignal: cancelled } = Context.current();
      const soFar: SoakSoFar = { ...(info.heartbeatDetails as SoakSoFar | undefined) };
      const surroundings = {
        startedAt: info.scheduledTimestampMs,
        soFar,
        cancelled,
        detection: context.detection,
      };
      return on(
        input.target,
        'watch',
        async () => withAttempts(await awaitHealthy(client, input, surroundings)),
        () => ({ ...soFar }),
      );
    },
  };
}

function protect(
  diagnosis: Diagnosis,
  { namespace = '' }: Target,
  { protectedNamespaces = [] }: KubernetesDeps,
): Diagnosis {
  return protectedNamespaces.includes(namespace) ? { ...diagnosis, protected: true } : diagnosis;
}

function assertOurs(target: Target, clusterName: string): void {
  if (target.cluster === clusterName) return;
  throw refuse(
    `this worker looks after cluster ${clusterName}: start a worker for ${target.cluster}, or name the right cluster`,
  );
}
