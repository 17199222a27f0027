import type {
  ChangeResult,
  Diagnosis,
  HealthCheckName,
  PlannedChange,
  ReplacePodChange,
  RestartChange,
  RollbackChange,
  Verification,
  WorkloadChange,
} from '../../model/healing';
import type { EvidenceRef } from '../../model/procedure';
import type { Target } from '../../model/target';

/** What workflows may ask of Kubernetes. Each observes, acts only if still needed, and verifies. */
export interface KubernetesActivities {
  diagnose(input: { target: Target; check: HealthCheckName }): Promise<Diagnosis>;
  snapshot(input: {
    target: Target;
    label: string;
    workflowId: string;
    runId: string;
  }): Promise<EvidenceRef[]>;
  planRollback(input: { target: Target; revision: string }): Promise<PlannedChange<RollbackChange>>;
  planRestart(input: { target: Target; token: string }): Promise<PlannedChange<RestartChange>>;
  planReplacePod(input: { target: Target }): Promise<PlannedChange<ReplacePodChange>>;
  makeChange(change: WorkloadChange): Promise<ChangeResult>;
  revertChange(change: WorkloadChange): Promise<ChangeResult>;
  awaitHealthy(input: {
    target: Target;
    check: HealthCheckName;
    soakMs: number;
    timeoutMs: number;
  }): Promise<Verification>;
}
