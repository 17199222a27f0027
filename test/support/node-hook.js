// A hook as a user might write it: it writes its key down, and brings the node back as a reboot would.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const {
  CoordinationV1Api,
  CoreV1Api,
  KubeConfig,
  PatchStrategy,
  setHeaderOptions,
} = require('@kubernetes/client-node');
const { readPlatform, releasePart } = require('../../dist/client/platform');

const { HOMEOSTAT_HOOK, HOMEOSTAT_KEY, NODE_NAME, TEST_FOLDER, TEST_PLATFORM } = process.env;

const kubeConfig = new KubeConfig();
kubeConfig.loadFromFile(readPlatform(TEST_PLATFORM).cluster.kubeconfig);

async function main() {
  console.log(`password=${'s3cret'.repeat(4)}`);
  if (HOMEOSTAT_HOOK === 'fence') return proveDead();
  if (!NODE_NAME.startsWith('node-')) throw new Error(`${NODE_NAME} is no machine of the lab`);
  fs.appendFileSync(path.join(TEST_FOLDER, 'hook.log'), `${HOMEOSTAT_KEY}\n`);
  await releasePart(NODE_NAME, TEST_PLATFORM);
  await clearProblems();
}

/** The lab has no power to switch off: a kubelet that renews nothing is the proof here. */
async function proveDead() {
  const leases = kubeConfig.makeApiClient(CoordinationV1Api);
  const { spec } = await leases.readNamespacedLease({
    name: NODE_NAME,
    namespace: 'kube-node-lease',
  });
  const silentMs = Date.now() - new Date(spec.renewTime).getTime();
  if (silentMs < 5_000) throw new Error(`${NODE_NAME} was heard of ${silentMs} ms ago`);
}

/** As node-problem-detector does after a reboot. */
async function clearProblems() {
  const core = kubeConfig.makeApiClient(CoreV1Api);
  const { status } = await core.readNode({ name: NODE_NAME });
  const problems = status.conditions.filter(({ type }) =>
    /^(KernelDeadlock|TrialProblem)$/.test(type),
  );
  const lastTransitionTime = new Date();
  const conditions = problems.map(({ type }) => ({ type, status: 'False', lastTransitionTime }));
  await core.patchNodeStatus(
    { name: NODE_NAME, body: { status: { conditions } } },
    setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch),
  );
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
