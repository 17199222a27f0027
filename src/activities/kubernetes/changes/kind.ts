import type { ArtifactStore } from '../../../model/artifacts';
import type { ChangeKind, ChangeKinds, ChangeSettings, PlannedChange } from '../../../model/change';
import type { DetectionSettings } from '../../../model/healing';
import type { Declined, StepResult } from '../../../model/procedure';
import type { Target } from '../../../model/target';
import type { KubernetesClient } from '../client';

/** What changes of every kind may use. */
export interface ChangeContext {
  client: KubernetesClient;
  /** When a fault counts as one, so that a plan sees what the detector saw. */
  detection: DetectionSettings;
  settings: ChangeSettings;
  artifacts: ArtifactStore;
  /** Whether a procedure still runs, by its workflow id. */
  isRunning: (workflowId: string) => Promise<boolean>;
}

type Request<K extends ChangeKind> = { target: Target } & ChangeKinds[K]['request'];

/**
 * One kind of change: how it is worked out, made, and taken back. Each of the three looks first;
 * `make` and `revert` act only if still needed, so that a repeated attempt has no second effect.
 */
export interface ChangeOfKind<K extends ChangeKind> {
  /** @throws ApplicationFailure, final, where it is refused; a change that does not apply is declined. */
  plan(
    context: ChangeContext,
    request: Request<K>,
  ): Promise<PlannedChange<ChangeKinds[K]['change']> | Declined>;
  make(context: ChangeContext, change: ChangeKinds[K]['change']): Promise<StepResult>;
  revert(context: ChangeContext, change: ChangeKinds[K]['change']): Promise<StepResult>;
}
