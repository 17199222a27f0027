import { followsRollout, hasWorked, lastGoodRevision } from '../../model/healing';
import type { HookName } from '../../model/hooks';
import { isWorkloadKind } from '../../model/target';
import type { Rung } from './runbook';

/** Back to the newest revision that was Available, where the fault came with a rollout. */
export const undoRollout: Rung = {
  name: 'undo-rollout',
  when: (diagnosis, settings, target) =>
    isWorkloadKind(target.kind) &&
    lastGoodRevision(diagnosis) !== undefined &&
    followsRollout(diagnosis, settings.rolloutWindowMs),
  change: ({ target, diagnosis }) => ({
    kind: 'rollback',
    target,
    revision: lastGoodRevision(diagnosis)!.name,
  }),
};

/** The last resort for a fault that no rollout explains and a restart did not mend. */
export const undoRolloutAnyway: Rung = {
  ...undoRollout,
  when: (diagnosis, _settings, target) =>
    isWorkloadKind(target.kind) && lastGoodRevision(diagnosis) !== undefined,
};

/** A rolling restart, for a revision that has worked; one that never did would only fail again. */
export const restart: Rung = {
  name: 'restart',
  when: (diagnosis, _settings, target) => isWorkloadKind(target.kind) && hasWorked(diagnosis),
  change: ({ target, token }) => ({ kind: 'restart', target, token }),
};

/** The pods of a StatefulSet or DaemonSet that stay unready, made anew by their controller. */
export const replaceUnready: Rung = {
  name: 'replace-unready',
  when: (_diagnosis, _settings, { kind }) => kind === 'StatefulSet' || kind === 'DaemonSet',
  change: ({ target }) => ({ kind: 'replace-unready', target }),
};

/** The user's own way to do to nodes what Kubernetes cannot; declined where none is configured. */
export const hookRung = (name: string, hook: HookName): Rung => ({
  name,
  when: () => true,
  change: ({ target, token }) => ({ kind: 'run-hook', target, hook, token }),
});

/** A bare pod made anew; a person must agree, since no controller would bring it back. */
export const replacePod: Rung = {
  name: 'replace-pod',
  when: (_diagnosis, _settings, target) => target.kind === 'Pod',
  change: ({ target }) => ({ kind: 'replace-pod', target }),
  needsApproval: 'it is a bare pod: should making it anew fail, nothing would bring it back',
};

/** Keeps Flux or Argo CD from taking the next change back while the procedure runs. */
export const pauseGitOps: Rung = {
  name: 'pause-gitops',
  when: () => true,
  change: ({ target }) => ({ kind: 'pause-gitops', target }),
  prepares: true,
};
