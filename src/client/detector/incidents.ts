import { WorkflowNotFoundError } from '@temporalio/client';
import type { SearchAttributePair } from '@temporalio/common';
import { type Config, healingSettings } from '../../model/config';
import type { HealInput, Observation } from '../../model/incident';
import { formatTarget, type Target, targetKey } from '../../model/target';
import { searchAttributes, type Temporal } from '../../service/temporal';
import type { Report } from './tracker';

const callTimeoutMs = 5_000;

/** Tells Temporal of what was seen: a fault starts or informs the incident's healing, a recovery only informs it. */
export async function tell(
  { connection, client }: Temporal,
  config: Config,
  report: Report,
): Promise<void> {
  const { workflowId, observation } = report;
  await connection.withDeadline(Date.now() + callTimeoutMs, async () => {
    if (observation.state === 'broken')
      await client.workflow.signalWithStart('heal', startOf(config, report));
    else await signalIfRunning(client.workflow.getHandle(workflowId), observation);
  });
}

function startOf(config: Config, { workflowId, target, symptom, observation }: Report) {
  const input: HealInput = {
    incident: { target, symptom, observations: [observation] },
    settings: healingSettings(config),
  };
  return {
    workflowId,
    taskQueue: config.temporal.taskQueue,
    args: [input] as [HealInput],
    signal: 'observed',
    signalArgs: [{ evidence: observation }] as [{ evidence: Observation }],
    staticSummary: `${symptom} on ${formatTarget(target)}`,
    typedSearchAttributes: attributesOf(target, symptom),
  };
}

function attributesOf(target: Target, symptom: string): SearchAttributePair[] {
  return [
    { key: searchAttributes.family, value: 'healing' },
    { key: searchAttributes.cluster, value: target.cluster },
    { key: searchAttributes.target, value: targetKey(target) },
    { key: searchAttributes.symptom, value: symptom },
    { key: searchAttributes.phase, value: 'observing' },
  ];
}

type Handle = ReturnType<Temporal['client']['workflow']['getHandle']>;

async function signalIfRunning(handle: Handle, evidence: Observation): Promise<void> {
  try {
    await handle.signal('observed', { evidence });
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
  }
}

/** The healings of this cluster that run now, by their ids. */
export async function openIncidents(
  { client }: Temporal,
  cluster: string,
): Promise<{ target: Target; symptom: string }[]> {
  const query = `WorkflowType = 'heal' AND ExecutionStatus = 'Running' AND HomeostatCluster = '${cluster.replaceAll("'", "''")}'`;
  const incidents = [];
  for await (const { workflowId } of client.workflow.list({ query })) {
    const incident = parseHealWorkflowId(workflowId);
    if (incident) incidents.push(incident);
  }
  return incidents;
}

/** The target and symptom in `heal:<cluster>:<namespace>:<Kind>:<name>:<symptom>`; names may hold colons (RBAC's do). */
export function parseHealWorkflowId(id: string): { target: Target; symptom: string } | undefined {
  const [heal, cluster, namespace, kind, ...rest] = id.split(':');
  const symptom = rest.pop();
  const name = rest.join(':');
  if (heal !== 'heal' || !cluster || !namespace || !kind || !name || !symptom) return undefined;
  return {
    target: { cluster, kind, namespace: namespace === '_' ? undefined : namespace, name },
    symptom,
  };
}
