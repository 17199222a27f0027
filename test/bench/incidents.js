// Many open incidents: bare pods that look crashing and wait for an approval. No kubelet knows them, so what is
// measured is Homeostat and not the nodes.
'use strict';
const { readFileSync } = require('node:fs');
const { setTimeout: sleep } = require('node:timers/promises');
const { WorkflowNotFoundError } = require('@temporalio/client');
const { readPlatform } = require('../../dist/client/platform');

const podName = (index) => `incident-${index}`;

async function measureIncidents(cluster, platform, count, approvals) {
  const started = [];
  for (let index = 0; index < count; index += 1) {
    const name = podName(index);
    await createUnscheduled(cluster, name);
    const visibleAt = await pretendToCrash(cluster, name);
    started.push((await startOf(cluster, name)) - visibleAt);
  }
  const workerMegabytes = residentMegabytes(platform.name, 'worker');
  const acted = [];
  for (let index = 0; index < count && acted.length < approvals; index += 1) {
    acted.push(await approvalToRequest(cluster, platform, podName(index)));
  }
  await cluster.core.deleteCollectionNamespacedPod({ namespace: cluster.namespace });
  return { started, acted, workerMegabytes };
}

/** A pod that no scheduler takes. */
async function createUnscheduled(cluster, name, annotations = {}) {
  await cluster.core.createNamespacedPod({
    namespace: cluster.namespace,
    body: {
      metadata: { name, annotations },
      spec: {
        schedulerName: 'nobody',
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'main', image: 'localhost/busybox:1' }],
      },
    },
  });
}

/** Writes the status that a kubelet would; answers when the API server had it. */
async function pretendToCrash(cluster, name) {
  const finishedAt = new Date().toISOString().replace(/\.\d+/, '');
  await cluster.patchPodStatus(name, {
    phase: 'Running',
    containerStatuses: [
      {
        name: 'main',
        image: 'localhost/busybox:1',
        imageID: '',
        ready: false,
        restartCount: 3,
        state: {
          waiting: {
            reason: 'CrashLoopBackOff',
            message: 'back-off 40s restarting failed container',
          },
        },
        lastState: {
          terminated: { exitCode: 1, reason: 'Error', startedAt: finishedAt, finishedAt },
        },
      },
    ],
  });
  return Date.now();
}

async function startOf(cluster, name) {
  const handle = cluster.client.workflow.getHandle(cluster.healId('Pod', name));
  for (let turn = 0; turn < 500; turn += 1) {
    try {
      return (await handle.describe()).startTime.getTime();
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
    await sleep(20);
  }
  throw new Error(`${name} was never seen`);
}

/** Milliseconds from the signal to the request's arrival, by the API server's audit log. */
async function approvalToRequest(cluster, platform, name) {
  const handle = cluster.client.workflow.getHandle(cluster.healId('Pod', name));
  await until(async () => (await handle.query('ledger')).phase === 'waiting-approval', name);
  const signalledAt = Date.now();
  await handle.signal('approve', { by: 'bench' });
  let arrived;
  await until(async () => {
    arrived = deletionOf(platform, name);
    return arrived !== undefined;
  }, name);
  await handle.signal('abort', { by: 'bench', reason: 'measured' });
  await handle.result();
  return arrived - signalledAt;
}

async function until(reached, what) {
  const deadline = Date.now() + 60_000;
  while (!(await reached())) {
    if (Date.now() > deadline) throw new Error(`${what}: not reached within a minute`);
    await sleep(25);
  }
}

function deletionOf(platform, name) {
  const line = readFileSync(platform.cluster.auditLog, 'utf8')
    .split('\n')
    .find(
      (text) =>
        text.includes('"verb":"delete"') &&
        text.includes(`"name":"${name}"`) &&
        text.includes('homeostat-worker'),
    );
  return line && Date.parse(JSON.parse(line).requestReceivedTimestamp);
}

/** What the process holds in memory, in MB. */
function residentMegabytes(platformName, part) {
  const { pid } = readPlatform(platformName).parts.find(({ name }) => name === part);
  const [, kilobytes] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(kilobytes) / 1_024;
}

module.exports = { measureIncidents, createUnscheduled, residentMegabytes };
