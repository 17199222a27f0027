import { setTimeout as sleep } from 'node:timers/promises';
import type { KubernetesListObject, V1ConfigMap, V1Job, V1Pod } from '@kubernetes/client-node';
import { Context } from '@temporalio/activity';
import { parse } from 'yaml';
import type { RunHookChange } from '../../../model/change';
import { messageOf } from '../../../model/errors';
import type { JobHook } from '../../../model/hooks';
import type { StepResult } from '../../../model/procedure';
import type { ChangeContext } from '../changes/kind';
import type { KubernetesClient } from '../client';
import { isConflict, later, refuse } from '../errors';
import { collectionOf, findObject, pathOf, podPath, podsPath } from '../resources';
import { hookFailed, keepOutput } from './output';

const againMs = 2_000;
/** Longer than any attempt, so that none makes it a second time. */
const keptSeconds = 24 * 3_600;
const logLines = 1_000;

/** Runs a hook's Job once: its name holds the key, so a repeated attempt finds it there. */
export async function runJob(
  { client, artifacts }: ChangeContext,
  hook: JobHook,
  change: RunHookChange,
  facts: Record<string, string>,
): Promise<StepResult> {
  const name = jobName(change);
  const path = pathOf({ kind: 'Job', namespace: hook.namespace, name });
  if (!(await findObject(client, path))) {
    await create(client, hook, jobFrom(await templateOf(client, hook), hook, name, facts));
  }
  const failure = await untilEnded(client, path, hook);
  const log = await logOf(client, hook, name);
  const evidence = await keepOutput(artifacts, change, log);
  if (failure) throw hookFailed(change, `failed as Job ${name} (${failure})`, log, evidence);
  return { result: 'changed', detail: `Job ${name} is complete`, evidence };
}

function jobName({ hook, key }: RunHookChange): string {
  const kebab = hook.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return `homeostat-${kebab}-${key}`;
}

async function create(client: KubernetesClient, { namespace }: JobHook, job: V1Job): Promise<void> {
  try {
    await client.create(collectionOf({ kind: 'Job', namespace }), job);
  } catch (error) {
    const isThereAlready = isConflict(error) && /already exists/.test(messageOf(error));
    if (!isThereAlready) throw error;
  }
}

async function templateOf(client: KubernetesClient, hook: JobHook): Promise<V1Job> {
  const { namespace, template, configMap } = hook;
  if (template) return checked(template, 'the template');
  const { name = '', key = '' } = configMap ?? {};
  const map = await client.get<V1ConfigMap>(pathOf({ kind: 'ConfigMap', namespace, name }));
  const text = map.data?.[key];
  const where = `key ${key} of ConfigMap ${namespace}/${name}`;
  if (text === undefined) throw refuse(`${where} is missing: put the manifest of a Job there`);
  return checked(parse(text), where);
}

function checked(manifest: unknown, where: string): V1Job {
  const job = manifest as V1Job | undefined;
  const containers = job?.spec?.template?.spec?.containers;
  if (job?.kind === 'Job' && containers && containers.length > 0) return job;
  throw refuse(`${where} is no Job with containers: write one, with apiVersion batch/v1`);
}

/** What must hold for a run that is told apart, happens once, and ends. */
function jobFrom(
  template: V1Job,
  { namespace, placement, timeoutMs }: JobHook,
  name: string,
  facts: Record<string, string>,
): V1Job {
  const job = structuredClone(template);
  const { spec } = job.spec!.template;
  const env = Object.entries(facts).map(([variable, value]) => ({ name: variable, value }));
  for (const container of spec!.containers) container.env = [...(container.env ?? []), ...env];
  spec!.restartPolicy = 'Never';
  if (placement === 'node') {
    spec!.nodeName = facts.NODE_NAME;
    // Whatever ails the node must not keep its own cure away.
    spec!.tolerations = [{ operator: 'Exists' }];
  }
  job.metadata = { labels: job.metadata?.labels, name, namespace };
  Object.assign(job.spec!, {
    backoffLimit: 0,
    activeDeadlineSeconds: Math.ceil(timeoutMs / 1_000),
    ttlSecondsAfterFinished: keptSeconds,
  });
  return job;
}

/** Why it failed; undefined once it is complete. */
async function untilEnded(
  client: KubernetesClient,
  path: string,
  hook: JobHook,
): Promise<string | undefined> {
  const { info, cancellationSignal: cancelled } = Context.current();
  for (;;) {
    cancelled.throwIfAborted();
    const job = await findObject<V1Job>(client, path);
    if (!job) throw refuse(`the Job of the hook was deleted: see by hand what it did (${path})`);
    const ended = job.status?.conditions?.find(
      ({ type, status }) => status === 'True' && (type === 'Complete' || type === 'Failed'),
    );
    if (ended) return ended.type === 'Complete' ? undefined : (ended.reason ?? 'Failed');
    if (Date.now() > info.scheduledTimestampMs + hook.timeoutMs * 2) {
      throw refuse(`the Job of the hook does not end: look at it in ${hook.namespace}`);
    }
    await sleep(againMs);
  }
}

async function logOf(
  client: KubernetesClient,
  { namespace }: JobHook,
  name: string,
): Promise<string> {
  try {
    const { items } = await client.get<KubernetesListObject<V1Pod>>(podsPath(namespace), {
      labelSelector: `batch.kubernetes.io/job-name=${name}`,
    });
    if (!items[0]) throw later('its pod is gone');
    return await client.text(`${podPath(items[0])}/log`, { tailLines: logLines });
  } catch (error) {
    return `no log: ${messageOf(error)}\n`;
  }
}
