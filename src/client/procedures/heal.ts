import { randomUUID } from 'node:crypto';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { detectionSettings, healingSettings } from '../../model/config';
import type { HealInput, HealingSettings } from '../../model/incident';
import type { ProcedureRecord } from '../../model/procedure';
import { formatTarget, healWorkflowId, type Target } from '../../model/target';
import { loadKubeConfig } from '../../service/kubeconfig';
import { attributesOf } from '../incidents';
import { dryRunPrefix } from './items';
import { noWorker } from './record';
import type { Session } from './session';
import { type Symptom, symptomOf } from './symptoms';
import { ClusterView, parseObject } from './targets';

/** What a person asks to be healed. */
export interface HealRequest {
  /** `deploy/web` */
  object: string;
  namespace: string;
  symptom?: string;
  by: string;
  settings: Partial<HealingSettings>;
}

/** The incident that a request means, checked against the live cluster. */
export interface CheckedIncident extends Symptom {
  target: Target;
  by: string;
  settings: HealingSettings;
}

/** A healing that was started, or that ran already. */
export interface StartedHealing {
  workflowId: string;
  runId: string;
  target: Target;
  symptom: string;
  /** It ran already, and was told of what is seen. */
  joined: boolean;
}

/**
 * Checks a request against the live cluster, before anything is started.
 * @throws HomeostatError `bad-input` that names the kind, object or symptom that does not exist.
 */
export async function checkRequest(
  { config }: Session,
  request: HealRequest,
): Promise<CheckedIncident> {
  const { kind, name } = parseObject(request.object);
  const { namespace, by } = request;
  const live = await new ClusterView(loadKubeConfig(config), namespace).target(kind, name);
  const target = {
    cluster: config.cluster.name,
    kind: live.kind,
    namespace: live.namespace,
    name: live.name,
  };
  const settings = { ...healingSettings(config), ...request.settings };
  return { ...symptomOf(live, detectionSettings(config), request.symptom), target, by, settings };
}

/** Starts the incident's healing; one that runs already is told what is seen. */
export async function startHealing(
  { config, temporal }: Session,
  incident: CheckedIncident,
): Promise<StartedHealing> {
  const { target, symptom } = incident;
  const workflowId = healWorkflowId(target, symptom);
  try {
    const handle = await temporal.client.workflow.start('heal', {
      workflowId,
      taskQueue: config.temporal.taskQueue,
      args: [inputOf(incident)],
      workflowIdConflictPolicy: 'FAIL',
      staticSummary: `${symptom} on ${formatTarget(target)}`,
      // From the start, so that listings show it before a worker has taken it up.
      typedSearchAttributes: attributesOf(target, symptom),
    });
    return { workflowId, runId: handle.firstExecutionRunId, target, symptom, joined: false };
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    const runId = await join(temporal.client.workflow.getHandle(workflowId), incident);
    return { workflowId, runId, target, symptom, joined: true };
  }
}

type Handle = ReturnType<Session['temporal']['client']['workflow']['getHandle']>;

async function join(handle: Handle, { observations }: CheckedIncident): Promise<string> {
  for (const evidence of observations) await handle.signal('observed', { evidence });
  return (await handle.describe()).runId;
}

function inputOf({ target, symptom, observations, by, settings }: CheckedIncident): HealInput {
  return { incident: { target, symptom, observations, requestedBy: by }, settings };
}

const dryRunTimeoutMs = 60_000;

/** Works out what a healing would do now, in a procedure of its own that changes nothing. */
export async function rehearse(
  session: Session,
  incident: CheckedIncident,
): Promise<{ workflowId: string; record: ProcedureRecord }> {
  const { config, temporal } = session;
  await requireWorker(session);
  const id = healWorkflowId(incident.target, incident.symptom);
  const workflowId = `${dryRunPrefix}${id}:${randomUUID().slice(0, 8)}`;
  const input: HealInput = { ...inputOf(incident), dryRun: true };
  const record = await temporal.client.workflow.execute('heal', {
    workflowId,
    taskQueue: config.temporal.taskQueue,
    args: [input],
    workflowExecutionTimeout: dryRunTimeoutMs,
    staticSummary: `dry run: ${incident.symptom} on ${formatTarget(incident.target)}`,
  });
  return { workflowId, record: record as ProcedureRecord };
}

/** A poll lasts a minute, so a worker that lives has asked within this time. */
const pollsWithinMs = 75_000;

/** @throws HomeostatError `unreachable` when no worker has asked the task queue for work of late. */
export async function requireWorker({ config, temporal }: Session): Promise<void> {
  const { taskQueue } = config.temporal;
  const { pollers } = await temporal.connection.workflowService.describeTaskQueue({
    namespace: temporal.namespace,
    taskQueue: { name: taskQueue },
    taskQueueType: workflowTasks,
  });
  const seen = (pollers ?? []).map(({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0));
  if (Math.max(0, ...seen) * 1_000 < Date.now() - pollsWithinMs) throw noWorker(taskQueue);
}

/** `TASK_QUEUE_TYPE_WORKFLOW` of Temporal's API. */
const workflowTasks = 1;
