import type { KubernetesActivities } from '../../src/activities/kubernetes';
import type { PrometheusActivities } from '../../src/activities/prometheus';
import type { Change, ChangeRequest, PlannedChange } from '../../src/model/change';
import type { Surroundings } from '../../src/model/governor/shares';
import type { Diagnosis, Verification } from '../../src/model/healing';
import type { Declined, StepResult } from '../../src/model/procedure';

/** A cluster of one workload in memory: enough to try the order of a procedure's steps, and what it does on failure. */
export class FakeCluster {
  /** Every effect, in order. */
  readonly effects: string[] = [];
  diagnosis: Diagnosis = badRelease();
  /** Answers of the verification, one after the other; the last one stays. */
  verifications: Verification[] = [healthy()];
  /** What planning a change answers. */
  onPlan: (request: ChangeRequest) => PlannedChange | Declined = planned;
  /** What making a change answers; throws when it is an Error. */
  onChange: (change: Change) => StepResult = () => done('changed');
  onRevert: (change: Change) => StepResult = () => done('changed');
  /** What is around the target; throws where that cannot be seen. */
  surroundings: () => Surroundings = () => ({
    takenAt: new Date().toISOString(),
    shares: [{ scope: 'workloads', unhealthy: 1, total: 10 }],
  });
  /** Called when a verification begins; it waits for what this returns. */
  whileVerifying: () => Promise<void> = async () => undefined;

  readonly activities: KubernetesActivities &
    PrometheusActivities & {
      ensureGovernor(input: { cluster: string }): Promise<void>;
    } = {
    diagnose: async () => this.diagnosis,
    survey: async () => this.surroundings(),
    snapshot: async ({ label }) => [
      { name: label, uri: `${label}/owner.yaml`, digest: '', bytes: 1 },
    ],
    snapshotMetrics: async () => [],
    planChange: async (request) => this.onPlan(request),
    makeChange: async (change) => {
      this.effects.push(change.kind);
      return this.onChange(change);
    },
    revertChange: async (change) => {
      this.effects.push(`undo ${change.kind}`);
      return this.onRevert(change);
    },
    awaitHealthy: async () => {
      await this.whileVerifying();
      const [next, ...rest] = this.verifications;
      if (rest.length > 0) this.verifications = rest;
      return next!;
    },
    ensureGovernor: async () => undefined,
  };
}

/** A plan as the activity would answer it. */
export function planned(request: ChangeRequest): PlannedChange {
  const { target } = request;
  const state = (revision: string) => ({ revision, templateHash: revision });
  const common = { target, uid: 'u1' };
  switch (request.kind) {
    case 'rollback':
      return {
        change: { ...common, kind: 'rollback', from: state('web-2'), to: state(request.revision) },
        summary: `roll web back to ${request.revision}`,
        undoSummary: 'roll web forward to web-2',
        digest: 'digest-rollback',
      };
    case 'restart':
      return {
        change: {
          ...common,
          kind: 'restart',
          from: state('web-2'),
          token: request.token,
          restartedAt: '2026-01-01T00:00:00Z',
        },
        summary: 'restart web',
        undoSummary: 'remove the restart mark',
        digest: 'digest-restart',
      };
    case 'replace-pod':
      return {
        change: { ...common, kind: 'replace-pod', manifest: '{}' },
        summary: `make ${target.name} anew`,
        undoSummary: 'none: the pod is made anew from its own manifest',
        digest: 'digest-replace',
      };
    default:
      return {
        change: { ...common, kind: request.kind, fields: [] } as unknown as Change,
        summary: request.kind,
        undoSummary: `undo ${request.kind}`,
        digest: `digest-${request.kind}`,
        temporary: true,
      };
  }
}

export const done = (result: StepResult['result'], detail = ''): StepResult => ({
  result,
  detail,
  attempts: 1,
});

export const healthy = (): Verification => ({
  state: 'healthy',
  why: 'all replicas are available',
  healthyAt: new Date().toISOString(),
  verifiedAt: new Date().toISOString(),
});

export const failing = (why = 'web-x is in CrashLoopBackOff'): Verification => ({
  state: 'failing',
  why,
});

/** web-2 came with the fault; web-1 was Available. */
export function badRelease(more: Partial<Diagnosis> = {}): Diagnosis {
  return {
    exists: true,
    uid: 'u1',
    ignored: false,
    protected: false,
    paused: false,
    health: { state: 'failing', why: 'web-x is in CrashLoopBackOff' },
    revisions: [
      revision('web-2', 2, { current: true }),
      revision('web-1', 1, { availableAt: '2026-01-01T00:00:00Z' }),
    ],
    pods: [],
    ...more,
  };
}

/** web-2 had worked for long before it began to fail. */
export function brokeLater(more: Partial<Diagnosis> = {}): Diagnosis {
  const revisions = badRelease().revisions.map((one) => ({ ...one }));
  revisions[0]!.availableAt = '2026-01-01T00:00:00Z';
  return badRelease({
    revisions,
    rolledOutAt: '2026-01-01T00:00:00Z',
    faultSince: '2026-01-02T00:00:00Z',
    ...more,
  });
}

function revision(name: string, number: number, more: object) {
  return {
    name,
    number,
    createdAt: '2026-01-01T00:00:00Z',
    current: false,
    availableReplicas: 0,
    ...more,
  };
}
