// Recovery of a bad release: by Homeostat, and by the barest script that could do it.
'use strict';
const { setTimeout: sleep } = require('node:timers/promises');

const isCrashLooping = (pod) =>
  (pod.status?.containerStatuses ?? []).some(
    ({ state }) => state?.waiting?.reason === 'CrashLoopBackOff',
  );

const isAvailable = ({ metadata, spec, status }) =>
  status?.observedGeneration === metadata.generation &&
  status?.updatedReplicas === spec.replicas &&
  status?.availableReplicas === spec.replicas;

const template = (fail) => ({
  spec: {
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: 'shop',
        image: 'localhost/shop:1',
        imagePullPolicy: 'Never',
        env: [
          { name: 'ROLE', value: 'api' },
          { name: 'FAIL', value: fail },
          { name: 'FAIL_AFTER', value: '0s' },
        ],
        ports: [{ containerPort: 8080 }],
        readinessProbe: { httpGet: { path: '/readyz', port: 8080 }, periodSeconds: 1 },
      },
    ],
  },
});

/** A good release, and then a bad one; resolves when CrashLoopBackOff is visible. */
async function breakIt(cluster, name, labels = {}) {
  const app = { app: name, ...labels };
  const good = template('');
  await cluster.apps.createNamespacedDeployment({
    namespace: cluster.namespace,
    body: {
      metadata: {
        name,
        labels: app,
        annotations: labels['homeostat-bench'] ? { 'homeostat.dev/ignore': 'true' } : {},
      },
      spec: {
        replicas: 2,
        strategy: { type: 'Recreate' },
        selector: { matchLabels: { app: name } },
        template: { metadata: { labels: app }, ...good },
      },
    },
  });
  await cluster.seen('deployments', `app=${name}`, isAvailable);
  // Both meet a workload that has been at rest for a moment.
  await sleep(1_500);
  const crashing = cluster.seen('pods', `app=${name}`, isCrashLooping);
  await cluster.patchDeployment(name, { spec: { template: template('crash') } });
  const visibleAt = await crashing;
  return { visibleAt, good };
}

async function availableAgain(cluster, name, generation) {
  return cluster.seen(
    'deployments',
    `app=${name}`,
    (deployment) => deployment.metadata.generation > generation && isAvailable(deployment),
  );
}

const remove = (cluster, name) =>
  cluster.apps.deleteNamespacedDeployment({
    name,
    namespace: cluster.namespace,
    propagationPolicy: 'Background',
  });

/** Seconds from CrashLoopBackOff to Available with a script that undoes the release at once. Homeostat is told to ignore it. */
async function measureFloor(cluster, name) {
  const { visibleAt, good } = await breakIt(cluster, name, { 'homeostat-bench': 'floor' });
  const again = availableAgain(cluster, name, 2);
  await cluster.patchDeployment(name, { spec: { template: good } });
  const at = await again;
  await remove(cluster, name);
  return (at - visibleAt) / 1_000;
}

/** Seconds from CrashLoopBackOff to Available, and of the soak after it. */
async function measureHomeostat(cluster, name) {
  const { visibleAt } = await breakIt(cluster, name);
  const at = await availableAgain(cluster, name, 2);
  const record = await cluster.client.workflow
    .getHandle(cluster.healId('Deployment', name))
    .result();
  if (record.outcome !== 'healed') throw new Error(`${name}: ${record.outcome}: ${record.reason}`);
  await remove(cluster, name);
  const { healthyAt, verifiedAt } = record.milestones;
  return {
    recovered: (at - visibleAt) / 1_000,
    soak: (Date.parse(verifiedAt) - Date.parse(healthyAt)) / 1_000,
  };
}

module.exports = { measureFloor, measureHomeostat };
