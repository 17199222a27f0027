import type { PlannedChange, RollbackChange } from '../../../model/change';
import { isDeployment, type PodTemplate } from '../../../model/kubernetes/objects';
import { currentOf, type RevisionObject, templateOf } from '../../../model/kubernetes/revisions';
import { normaliseTemplate } from '../../../model/kubernetes/template';
import type { StepResult } from '../../../model/procedure';
import { formatTarget, type Target } from '../../../model/target';
import type { KubernetesClient } from '../client';
import { later, refuse } from '../errors';
import { changeDigest, templateHash } from '../hash';
import { listRevisions, nameOf, needWorkload } from '../resources';
import type { ChangeOfKind } from './kind';
import { changeTemplate } from './template-change';

/**
 * Back to an earlier revision of the pod template. Planning it fails for good when the revision is not
 * there or the rollout is paused.
 */
export const rollback: ChangeOfKind<'rollback'> = {
  plan: ({ client }, request) => planRollback(client, request),
  make: ({ client }, change) =>
    swap(client, change, change.from, change.to, 'went back to revision'),
  revert: ({ client }, change) =>
    swap(client, change, change.to, change.from, 'went forward to revision'),
};

async function planRollback(
  client: KubernetesClient,
  { target, revision }: { target: Target; revision: string },
): Promise<PlannedChange<RollbackChange>> {
  const workload = await needWorkload(client, target);
  if (isDeployment(workload) && workload.spec?.paused) {
    throw refuse(`${nameOf(workload)} is paused, so an undo would not roll out: resume it first`);
  }
  const revisions = await listRevisions(client, workload);
  const current = currentOf(workload, revisions);
  if (!current) throw later(`${nameOf(workload)} has no revision of its template yet`);
  const change: RollbackChange = {
    kind: 'rollback',
    target,
    uid: workload.metadata?.uid ?? '',
    from: stateOf(current),
    to: stateOf(needRevision(revisions, revision, target)),
  };
  return {
    change,
    summary: `go back to revision ${change.to.revision} from ${change.from.revision}`,
    undoSummary: `go forward to revision ${change.from.revision} again`,
    digest: changeDigest(change),
  };
}

type State = RollbackChange['from'];

function swap(
  client: KubernetesClient,
  { target, uid }: RollbackChange,
  from: State,
  to: State,
  done: string,
): Promise<StepResult> {
  return changeTemplate(client, {
    target,
    uid,
    isDone: (template) => templateHash(template) === to.templateHash,
    isExpected: (template) => templateHash(template) === from.templateHash,
    wanted: async (workload) => {
      const revisions = await listRevisions(client, workload);
      return templateAs(needRevision(revisions, to.revision, target), to);
    },
    done: `${done} ${to.revision}`,
  });
}

function needRevision(revisions: RevisionObject[], name: string, target: Target): RevisionObject {
  const found = revisions.find((revision) => revision.metadata?.name === name);
  if (found) return found;
  throw refuse(
    `revision ${name} of ${formatTarget(target)} no longer exists: raise its revisionHistoryLimit, or roll out a good template by hand`,
  );
}

function templateAs(revision: RevisionObject, { templateHash: planned }: State): PodTemplate {
  const template = templateOf(revision);
  if (template && templateHash(template) === planned) return normaliseTemplate(template);
  throw refuse(
    `revision ${revision.metadata?.name} is not the one that was planned for: plan anew`,
  );
}

function stateOf(revision: RevisionObject): State {
  const template = templateOf(revision);
  if (!template) throw refuse(`revision ${revision.metadata?.name} holds no pod template`);
  return { revision: revision.metadata?.name ?? '', templateHash: templateHash(template) };
}
