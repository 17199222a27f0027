import type { PlannedChange, RestartChange } from '../../../model/change';
import { isDeployment, type PodTemplate } from '../../../model/kubernetes/objects';
import { currentOf } from '../../../model/kubernetes/revisions';
import type { StepResult } from '../../../model/procedure';
import type { Target } from '../../../model/target';
import type { KubernetesClient } from '../client';
import { refuse } from '../errors';
import { changeDigest, templateHash } from '../hash';
import { listRevisions, nameOf, needWorkload } from '../resources';
import type { ChangeOfKind } from './kind';
import { changeTemplate } from './template-change';

/** The annotation of `kubectl rollout restart`. */
const restartedAtMark = 'kubectl.kubernetes.io/restartedAt';
/** Which procedure restarted it. */
const restartedByMark = 'homeostat.dev/restarted-by';

/**
 * A rolling restart. The request's token tells this restart from any other; it is the same for each
 * attempt of a procedure. Planning it fails for good when the rollout is paused or the kind has no template.
 */
export const restart: ChangeOfKind<'restart'> = {
  plan: ({ client }, request) => planRestart(client, request),
  make: ({ client }, change) => makeRestart(client, change),
  revert: ({ client }, change) => revertRestart(client, change),
};

async function planRestart(
  client: KubernetesClient,
  { target, token }: { target: Target; token: string },
): Promise<PlannedChange<RestartChange>> {
  const workload = await needWorkload(client, target);
  if (isDeployment(workload) && workload.spec?.paused) {
    throw refuse(`${nameOf(workload)} is paused, so a restart would not roll out: resume it first`);
  }
  const template = workload.spec?.template ?? {};
  const revision = currentOf(workload, await listRevisions(client, workload));
  const annotations = template.metadata?.annotations ?? {};
  const change: RestartChange = {
    kind: 'restart',
    target,
    uid: workload.metadata?.uid ?? '',
    from: { revision: revision?.metadata?.name ?? '', templateHash: templateHash(template) },
    token,
    previousRestartedAt: annotations[restartedAtMark],
    previousToken: annotations[restartedByMark],
    restartedAt: new Date().toISOString(),
  };
  return {
    change,
    summary: 'restart its pods, one after another',
    undoSummary: "put the template's restart annotation back",
    digest: changeDigest(change),
  };
}

function makeRestart(client: KubernetesClient, change: RestartChange): Promise<StepResult> {
  return changeTemplate(client, {
    target: change.target,
    uid: change.uid,
    isDone: (template) => wasRestarted(template, change),
    isExpected: (template) => templateHash(template) === change.from.templateHash,
    wanted: ({ spec }) =>
      annotated(spec?.template ?? {}, {
        [restartedAtMark]: change.restartedAt,
        [restartedByMark]: change.token,
      }),
    done: 'was restarted',
  });
}

function revertRestart(client: KubernetesClient, change: RestartChange): Promise<StepResult> {
  return changeTemplate(client, {
    target: change.target,
    uid: change.uid,
    isDone: (template) => templateHash(template) === change.from.templateHash,
    isExpected: (template) => wasRestarted(template, change),
    wanted: ({ spec }) => withoutRestart(spec?.template ?? {}, change),
    done: 'got its earlier restart annotation back',
  });
}

/** Whether a template is the one that the change started from, but for this very restart. */
function wasRestarted(template: PodTemplate, change: RestartChange): boolean {
  return (
    template.metadata?.annotations?.[restartedByMark] === change.token &&
    templateHash(withoutRestart(template, change)) === change.from.templateHash
  );
}

function withoutRestart(template: PodTemplate, change: RestartChange): PodTemplate {
  return annotated(template, {
    [restartedAtMark]: change.previousRestartedAt,
    [restartedByMark]: change.previousToken,
  });
}

function annotated(template: PodTemplate, marks: Record<string, string | undefined>): PodTemplate {
  const all = Object.entries({ ...template.metadata?.annotations, ...marks });
  const annotations = Object.fromEntries(
    all.filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const copy = structuredClone(template);
  copy.metadata ??= {};
  copy.metadata.annotations = annotations;
  return copy;
}
