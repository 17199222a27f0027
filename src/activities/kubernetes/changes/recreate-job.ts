import type { KubernetesListObject, V1Job } from '@kubernetes/client-node';
import type { RecreateJobChange } from '../../../model/change';
import { isJobFailed } from '../../../model/kubernetes/faults/jobs';
import { millisOf } from '../../../model/kubernetes/objects';
import { controllerOf, idempotentMark, isMarked } from '../../../model/kubernetes/owners';
import { holdsLiteralSecrets } from '../../../model/redact';
import type { Target } from '../../../model/target';
import type { KubernetesClient } from '../client';
import { changeDigest } from '../hash';
import { collectionOf, pathOf } from '../resources';
import type { ChangeOfKind } from './kind';
import { remake, replacesMark, unmake } from './remake';

/** On a Job that was made anew: how often it was. */
const attemptMark = 'homeostat.dev/attempt';
const mostAttempts = 2;

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

/** Written by the Job controller for one Job, and refused on another. */
const ofOneJob = /^(batch\.kubernetes\.io\/)?(controller-uid|job-name)$/;

/** A failed Job made anew under its own name, where doing it twice does no harm. */
export const recreateJob: ChangeOfKind<'recreate-job'> = {
  async plan({ client }, { target }) {
    const job = await failedJobOf(client, target);
    if (!job) return { declined: 'no Job of it has failed' };
    const name = job.metadata?.name ?? '';
    const why = whyNot(job);
    if (why) return { declined: `Job ${name} ${why}` };
    const attempt = attemptsOf(job) + 1;
    const change: RecreateJobChange = {
      kind: 'recreate-job',
      target,
      uid: job.metadata?.uid ?? '',
      job: name,
      manifest: JSON.stringify(manifestOf(job, attempt)),
    };
    return {
      change,
      summary: `make Job ${name} anew from its own manifest (${attempt} of ${mostAttempts})`,
      undoSummary: 'nothing: the new Job has the same manifest',
      digest: changeDigest(change),
    };
  },
  make: ({ client }, change) => remake(client, orderFor(change)),
  revert: ({ client }, change) => unmake(client, orderFor(change)),
};

const orderFor = ({ target, job, uid, manifest }: RecreateJobChange) => ({
  object: { kind: 'Job', namespace: target.namespace, name: job },
  uid,
  manifest,
  removal: { propagationPolicy: 'Background' as const },
});

/** The Job that is the target, or the newest of the CronJob that is; undefined where it has not failed. */
async function failedJobOf(client: KubernetesClient, target: Target): Promise<V1Job | undefined> {
  const job =
    target.kind === 'CronJob'
      ? await newestOf(client, target)
      : await client.get<V1Job>(pathOf(target));
  return job && isJobFailed(job) ? job : undefined;
}

async function newestOf(client: KubernetesClient, target: Target): Promise<V1Job | undefined> {
  const path = collectionOf({ kind: 'Job', namespace: target.namespace });
  const { items } = await client.get<KubernetesListObject<V1Job>>(path);
  const created = ({ metadata }: V1Job) => millisOf(metadata?.creationTimestamp) ?? 0;
  const own = items.filter((job) => {
    const owner = controllerOf(job);
    return owner?.kind === 'CronJob' && owner.name === target.name;
  });
  return own.sort((one, other) => created(other) - created(one))[0];
}

function whyNot(job: V1Job): string | undefined {
  if (!isMarked(job, idempotentMark)) {
    return `is not marked ${idempotentMark}: "true", so doing it twice may do harm`;
  }
  if (attemptsOf(job) >= mostAttempts) return `was made anew ${mostAttempts} times already`;
  const { template } = job.spec ?? {};
  if (template && holdsLiteralSecrets(template)) {
    return 'holds secrets in its manifest: move them into a Secret, or make it anew by hand';
  }
  return undefined;
}

function attemptsOf({ metadata }: V1Job): number {
  return Number(metadata?.annotations?.[attemptMark] ?? 0);
}

/** The Job as somebody wrote it: without what the API server and the Job controller filled in. */
function manifestOf({ metadata, spec }: V1Job, attempt: number): V1Job {
  const { name, namespace, labels, annotations = {}, ownerReferences } = metadata ?? {};
  const { [lastApplied]: _repeated, [replacesMark]: _earlier, ...kept } = annotations;
  const { selector, ...written } = structuredClone(spec!);
  const { template } = written;
  template.metadata ??= {};
  template.metadata.labels = withoutIdentity(template.metadata.labels);
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name,
      namespace,
      labels: withoutIdentity(labels),
      annotations: { ...kept, [attemptMark]: String(attempt) },
      ownerReferences,
    },
    spec: { ...written, ...(spec?.manualSelector && { selector }) },
  };
}

function withoutIdentity(labels: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([key]) => !ofOneJob.test(key)));
}
