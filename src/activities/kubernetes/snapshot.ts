import type {
  CoreV1Event,
  KubernetesListObject,
  KubernetesObject,
  V1Pod,
} from '@kubernetes/client-node';
import { stringify } from 'yaml';
import { type ArtifactStore, type SnapshotName, snapshotFolder } from '../../model/artifacts';
import { messageOf } from '../../model/errors';
import { containerStatuses, isoOf, isReady, type Workload } from '../../model/kubernetes/objects';
import type { EvidenceRef } from '../../model/procedure';
import { redactObject, redactText } from '../../model/redact';
import { isWorkloadKind, type Target } from '../../model/target';
import type { KubernetesClient } from './client';
import { collectionOf, findTarget, listRevisions, podPath, podsOf } from './resources';

const mostPodsWithLogs = 5;
const logLines = 200;
/** Newlines or not, a log is cut off here. */
const logBytes = 512 * 1024;

export interface SnapshotInput extends SnapshotName {
  target: Target;
}

/** One file of a snapshot: a name below the snapshot's folder and its text, secrets masked. */
interface Part {
  name: string;
  text: () => Promise<string>;
}

/**
 * Keeps what is known of a target: its manifest, revisions, pods, events and logs, all redacted.
 * A part that cannot be had is named in `missing.txt` instead.
 */
export async function snapshot(
  client: KubernetesClient,
  artifacts: ArtifactStore,
  { target, ...name }: SnapshotInput,
): Promise<EvidenceRef[]> {
  const folder = snapshotFolder(name);
  const missing: string[] = [];

  async function keep({ name, text }: Part): Promise<EvidenceRef | undefined> {
    try {
      return await artifacts.put(`${folder}/${name}`, await text());
    } catch (error) {
      missing.push(`${name}: ${redactText(messageOf(error))}`);
      return undefined;
    }
  }

  const parts = await partsOf(client, target).catch((error: unknown) => {
    missing.push(`all of ${target.kind} ${target.name}: ${messageOf(error)}`);
    return [];
  });
  const kept = await Promise.all(parts.map(keep));
  if (missing.length > 0) {
    const name = `${folder}/missing.txt`;
    kept.push(await artifacts.put(name, `${missing.sort().join('\n')}\n`));
  }
  return kept.filter((reference) => reference !== undefined);
}

async function partsOf(client: KubernetesClient, target: Target): Promise<Part[]> {
  const owner = await findTarget(client, target);
  if (!owner) throw new Error('it does not exist');
  const parts: Part[] = [{ name: 'owner.yaml', text: async () => asYaml(owner) }];
  if (isWorkloadKind(target.kind)) {
    const workload = owner as Workload;
    parts.push({
      name: 'revisions.yaml',
      text: async () => asYaml(...(await listRevisions(client, workload))),
    });
  }
  const pods = await podsOf(client, target.kind, owner).catch((error: unknown) => error as Error);
  if (pods instanceof Error) {
    return [...parts, { name: 'pods.yaml', text: () => Promise.reject(pods) }];
  }
  const shown = failingFirst(pods).slice(0, mostPodsWithLogs);
  return [
    ...parts,
    { name: 'pods.yaml', text: async () => asYaml(...pods) },
    { name: 'events.txt', text: () => eventsOf(client, target.namespace, [owner, ...shown]) },
    ...shown.flatMap((pod) => logsOf(client, pod)),
  ];
}

function failingFirst(pods: V1Pod[]): V1Pod[] {
  return [...pods].sort((one, other) => Number(isReady(one)) - Number(isReady(other)));
}

function asYaml(...objects: KubernetesObject[]): string {
  return objects.map((object) => stringify(redactObject(withoutManagers(object)))).join('---\n');
}

/** Who manages which field fills pages, and helps nobody in an incident. */
function withoutManagers(object: KubernetesObject): KubernetesObject {
  const copy = structuredClone(object);
  delete copy.metadata?.managedFields;
  return copy;
}

async function eventsOf(
  client: KubernetesClient,
  namespace: string | undefined,
  objects: KubernetesObject[],
): Promise<string> {
  const lists = await Promise.all(
    objects.map(({ metadata }) =>
      client.get<KubernetesListObject<CoreV1Event>>(collectionOf({ kind: 'Event', namespace }), {
        fieldSelector: `involvedObject.uid=${metadata?.uid}`,
      }),
    ),
  );
  const lines = lists.flatMap(({ items }) => items.map(eventLine));
  return redactText(
    lines
      .sort()
      .map((line) => `${line}\n`)
      .join(''),
  );
}

function eventLine(event: CoreV1Event): string {
  const { involvedObject, type, reason, message, count = 1, lastTimestamp, eventTime } = event;
  const at = isoOf(lastTimestamp) ?? isoOf(eventTime as unknown as string) ?? '-';
  const about = `${involvedObject.kind}/${involvedObject.name}`;
  return `${at} ${type} ${reason} ${about} (${count}x): ${message}`;
}

function logsOf(client: KubernetesClient, pod: V1Pod): Part[] {
  return containerStatuses(pod).flatMap(({ name, restartCount }) => {
    const file = `logs/${pod.metadata?.name}/${name}`;
    const current = { name: `${file}.log`, text: () => logOf(client, pod, name, false) };
    if (restartCount === 0) return [current];
    return [current, { name: `${file}.previous.log`, text: () => logOf(client, pod, name, true) }];
  });
}

async function logOf(
  client: KubernetesClient,
  pod: V1Pod,
  container: string,
  previous: boolean,
): Promise<string> {
  const query = {
    container,
    previous,
    tailLines: logLines,
    limitBytes: logBytes,
    timestamps: true,
  };
  return redactText(await client.text(`${podPath(pod)}/log`, query));
}
