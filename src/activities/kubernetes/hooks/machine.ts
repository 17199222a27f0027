import { setTimeout as sleep } from 'node:timers/promises';
import { KubeConfig, type KubernetesObject, type V1Node } from '@kubernetes/client-node';
import { Context } from '@temporalio/activity';
import type { MachineReference, RunHookChange } from '../../../model/change';
import { formatDuration } from '../../../model/duration';
import type { MachineHook } from '../../../model/hooks';
import { isTerminating } from '../../../model/kubernetes/objects';
import { controllerOf } from '../../../model/kubernetes/owners';
import type { Declined, StepResult } from '../../../model/procedure';
import type { ChangeContext } from '../changes/kind';
import { createKubernetesClient, type KubernetesClient } from '../client';
import { isConflict, isNotFound } from '../errors';
import { findObject } from '../resources';
import { hookFailed } from './output';

const machineMark = 'cluster.x-k8s.io/machine';
const namespaceMark = 'cluster.x-k8s.io/cluster-namespace';
const pausedMark = 'cluster.x-k8s.io/paused';
const skipMark = 'cluster.x-k8s.io/skip-remediation';
const againMs = 2_000;

/** The fields of a Cluster API MachineSet that are looked at. */
interface MachineSet extends KubernetesObject {
  spec?: { replicas?: number };
  status?: { replicas?: number; readyReplicas?: number };
}

/** The Machine that a node says it is, where deleting it would have its owner make another. */
export async function findMachine(
  context: ChangeContext,
  hook: MachineHook,
  node: V1Node,
): Promise<MachineReference | Declined> {
  const { [machineMark]: name, [namespaceMark]: namespace } = node.metadata?.annotations ?? {};
  if (!name || !namespace) {
    return { declined: `the node has no annotations ${machineMark} and ${namespaceMark}` };
  }
  const client = managementClient(context, hook);
  const machine = await findObject<KubernetesObject>(
    client,
    pathTo(hook, namespace, 'machines', name),
  );
  if (!machine) return { declined: `Machine ${namespace}/${name} does not exist` };
  const owner = controllerOf(machine);
  if (owner?.kind !== 'MachineSet') {
    return { declined: `no MachineSet owns Machine ${name}, so nothing would make it anew` };
  }
  const set = await findObject<MachineSet>(
    client,
    pathTo(hook, namespace, 'machinesets', owner.name),
  );
  const unfit = unfitness(machine, set, owner.uid);
  if (unfit) return { declined: unfit };
  return { namespace, name, uid: machine.metadata?.uid ?? '', machineSet: owner.name };
}

/** Why the MachineSet would not make another Machine, or somebody forbids it. */
function unfitness(
  machine: KubernetesObject,
  set: MachineSet | undefined,
  uid: string,
): string | undefined {
  const name = set?.metadata?.name;
  const annotations = machine.metadata?.annotations ?? {};
  if (skipMark in annotations) return `the Machine is marked ${skipMark}`;
  if (pausedMark in annotations) return `the Machine is marked ${pausedMark}`;
  if (set?.metadata?.uid !== uid || isTerminating(set)) return 'its MachineSet is gone';
  if (pausedMark in (set.metadata.annotations ?? {}))
    return `MachineSet ${name} is marked ${pausedMark}`;
  const { replicas: wanted = 1 } = set.spec ?? {};
  const { replicas = 0 } = set.status ?? {};
  if (wanted < 1 || replicas > wanted) return `MachineSet ${name} is being scaled down`;
  return undefined;
}

/** Deletes the planned Machine, and waits until its owner has as many ready ones as it wants. */
export async function replaceMachine(
  context: ChangeContext,
  hook: MachineHook,
  change: RunHookChange,
): Promise<StepResult> {
  const { namespace, name, uid, machineSet } = change.machine!;
  const client = managementClient(context, hook);
  const path = pathTo(hook, namespace, 'machines', name);
  const setPath = pathTo(hook, namespace, 'machinesets', machineSet);
  const { info, cancellationSignal: cancelled } = Context.current();
  for (;;) {
    cancelled.throwIfAborted();
    const machine = await findObject<KubernetesObject>(client, path);
    const isThere = machine?.metadata?.uid === uid;
    if (isThere && !isTerminating(machine)) await remove(client, path, uid);
    if (!isThere && (await isWhole(client, setPath))) {
      return { result: 'changed', detail: `MachineSet ${machineSet} has replaced Machine ${name}` };
    }
    if (Date.now() > info.scheduledTimestampMs + hook.timeoutMs) {
      const what = isThere ? 'still terminating' : 'not replaced yet';
      const how = `found Machine ${name} ${what} after ${formatDuration(hook.timeoutMs)}`;
      throw hookFailed(change, how, '');
    }
    await sleep(againMs);
  }
}

async function remove(client: KubernetesClient, path: string, uid: string): Promise<void> {
  try {
    await client.remove(path, { uid });
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}

async function isWhole(client: KubernetesClient, path: string): Promise<boolean> {
  const set = await findObject<MachineSet>(client, path);
  return set !== undefined && (set.status?.readyReplicas ?? 0) >= (set.spec?.replicas ?? 1);
}

function managementClient({ client }: ChangeContext, hook: MachineHook): KubernetesClient {
  if (!hook.kubeconfig) return client;
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromFile(hook.kubeconfig);
  if (hook.context) kubeConfig.setCurrentContext(hook.context);
  // Asked too seldom for a breaker to learn anything.
  return createKubernetesClient(kubeConfig, (work) => work());
}

function pathTo({ apiVersion }: MachineHook, namespace: string, plural: string, name: string) {
  const [inNamespace, object] = [namespace, name].map(encodeURIComponent);
  return `/apis/cluster.x-k8s.io/${apiVersion}/namespaces/${inNamespace}/${plural}/${object}`;
}
