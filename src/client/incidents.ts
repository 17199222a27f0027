import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import type { SearchAttributePair } from '@temporalio/common';
import { episodesIn, rememberEpisodes } from '../model/alerts';
import { type Config, healingSettings } from '../model/config';
import type { HealInput, Observation, ObservedMessage } from '../model/incident';
import { formatTarget, type Target, targetKey } from '../model/target';
import type { Temporal } from '../service/temporal';
import { searchAttributes } from '../workflows/search-attributes';

const callTimeoutMs = 5_000;

/** Something that Temporal is to be told. */
export interface Report {
  workflowId: string;
  target: Target;
  symptom: string;
  observation: Observation;
  /** Names what alerts told, so that nothing is healed twice for the same episode. */
  episodes?: readonly string[];
}

/**
 * `told`: a healing has it, and will keep it whatever dies. `known`: an earlier healing has dealt with
 * every episode. `nobody`: a recovery, and no healing runs that it could matter to.
 */
export type Told = 'told' | 'known' | 'nobody';

/** Tells Temporal of what was seen: a fault starts or informs the incident's healing, a recovery only informs it. */
export function tell(temporal: Temporal, config: Config, report: Report): Promise<Told> {
  return temporal.connection.withDeadline(Date.now() + callTimeoutMs, () =>
    report.observation.state === 'broken'
      ? tellFault(temporal, config, report)
      : tellRecovery(temporal, report),
  );
}

/** The first healing of an incident is begun, or a running one told, in one call; one that has ended is asked first. */
async function tellFault(
  { client }: Temporal,
  config: Config,
  report: Report,
): Promise<'told' | 'known'> {
  const { episodes = [] } = report;
  try {
    await client.workflow.signalWithStart('heal', {
      ...startOf(config, report, episodes),
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
    });
    return 'told';
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
  }
  const last = await client.workflow.getHandle(report.workflowId).describe();
  const known = episodesIn(last.memo);
  const isOver = last.status.name !== 'RUNNING' && !broken.includes(last.status.name);
  const dealtWith = episodes.length > 0 && episodes.every((episode) => known.includes(episode));
  if (isOver && dealtWith) return 'known';
  await client.workflow.signalWithStart('heal', {
    ...startOf(config, report, rememberEpisodes(known, episodes)),
    workflowIdReusePolicy: 'ALLOW_DUPLICATE',
  });
  return 'told';
}

/** A run that ended so did not deal with anything. */
const broken = ['FAILED', 'TIMED_OUT'];

function startOf(config: Config, report: Report, alerts: readonly string[]) {
  const { workflowId, target, symptom, observation, episodes } = report;
  const input: HealInput = {
    incident: { target, symptom, observations: [observation] },
    settings: healingSettings(config),
  };
  const message = { evidence: observation, ...(episodes && { episodes: [...episodes] }) };
  return {
    workflowId,
    taskQueue: config.temporal.taskQueue,
    args: [input] as [HealInput],
    signal: 'observed',
    signalArgs: [message] as [ObservedMessage],
    staticSummary: `${symptom} on ${formatTarget(target)}`,
    typedSearchAttributes: attributesOf(target, symptom),
    ...(alerts.length > 0 && { memo: { alerts } }),
  };
}

/** What a healing is found by. */
export function attributesOf(target: Target, symptom: string): SearchAttributePair[] {
  return [
    { key: searchAttributes.family, value: 'healing' },
    { key: searchAttributes.cluster, value: target.cluster },
    { key: searchAttributes.target, value: targetKey(target) },
    { key: searchAttributes.symptom, value: symptom },
    { key: searchAttributes.phase, value: 'observing' },
  ];
}

async function tellRecovery(
  { client }: Temporal,
  { workflowId, observation, episodes }: Report,
): Promise<'told' | 'nobody'> {
  const message = { evidence: observation, ...(episodes && { episodes: [...episodes] }) };
  try {
    await client.workflow.getHandle(workflowId).signal('observed', message);
    return 'told';
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    return 'nobody';
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
