import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeConfig, PatchStrategy, setHeaderOptions } from '@kubernetes/client-node';
import type { Info } from '@temporalio/activity';
import { MockActivityEnvironment } from '@temporalio/testing';
import {
  createKubernetesActivities,
  type KubernetesActivities,
} from '../../src/activities/kubernetes';
import type { ChangeKind, ChangeKinds, ChangeRequest, PlannedChange } from '../../src/model/change';
import { type Diagnosis, lastGoodRevision } from '../../src/model/healing';
import { isDeclined } from '../../src/model/procedure';
import type { Target } from '../../src/model/target';
import { createFolderStore } from '../../src/service/artifacts/folder';
import { describeLab, lab } from '../support/lab';
import { unbroken } from '../support/unbroken';
import { type Kind, Workloads } from '../support/workloads';

jest.setTimeout(120_000);

const cluster = 'trial';
const check = 'available-without-restarts' as const;
const kinds: Kind[] = ['Deployment', 'StatefulSet', 'DaemonSet'];
const plurals = { Deployment: 'deployments', StatefulSet: 'statefulsets', DaemonSet: 'daemonsets' };
const strategicMerge = setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch);

describeLab('activities on a real cluster, with the rights of the worker', () => {
  let workloads: Workloads;
  let activities: KubernetesActivities;
  let artifacts: string;

  beforeAll(async () => {
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromFile(lab().cluster.workerKubeconfig);
    artifacts = await mkdtemp(path.join(tmpdir(), 'homeostat-artifacts-'));
    activities = createKubernetesActivities({
      kubeConfig,
      breaker: unbroken,
      artifacts: createFolderStore({ directory: artifacts }),
      clusterName: cluster,
    });
  });

  afterAll(() => rm(artifacts, { recursive: true, force: true }));

  beforeEach(async () => {
    workloads = await new Workloads().create();
  });

  afterEach(() => workloads.remove());

  const targetOf = (kind: string, name = 'web'): Target => ({
    cluster,
    kind,
    namespace: workloads.namespace,
    name,
  });

  /** Runs one activity as a worker would. */
  function run<K extends keyof KubernetesActivities>(
    name: K,
    input: Parameters<KubernetesActivities[K]>[0],
    info: Partial<Info> = {},
  ): ReturnType<KubernetesActivities[K]> {
    const environment = new MockActivityEnvironment({ scheduledTimestampMs: Date.now(), ...info });
    const activity = activities[name] as (one: typeof input) => Promise<never>;
    return environment.run(activity, input) as ReturnType<KubernetesActivities[K]>;
  }

  /** Plans a change that applies. */
  async function plan<K extends ChangeKind>(
    request: ChangeRequest<K>,
  ): Promise<PlannedChange<ChangeKinds[K]['change']>> {
    const planned = await run('planChange', request as ChangeRequest);
    if (isDeclined(planned)) throw new Error(planned.declined);
    return planned as PlannedChange<ChangeKinds[K]['change']>;
  }

  const diagnose = (target: Target): Promise<Diagnosis> => run('diagnose', { target, check });
  const awaitHealthy = (target: Target, more = {}, info: Partial<Info> = {}) =>
    run('awaitHealthy', { target, check, soakMs: 1_000, timeoutMs: 60_000, ...more }, info);
  const changes = (kind: Kind) => workloads.changesByHomeostat(plurals[kind], 'web');

  /** Deploys with a deadline that a busy machine keeps, unless the deadline is what is tried. */
  async function deploy(kind: Kind, progressDeadlineSeconds = 120): Promise<void> {
    await workloads.deploy(kind, 'web');
    if (kind !== 'Deployment') return;
    const { namespace } = workloads;
    const body = { spec: { progressDeadlineSeconds } };
    await workloads.apps.patchNamespacedDeployment(
      { name: 'web', namespace, body },
      strategicMerge,
    );
  }

  async function breakBy(kind: Kind, behaviour: 'crash' | 'unready'): Promise<Diagnosis> {
    await deploy(kind, behaviour === 'unready' ? 5 : 120);
    await workloads.release(kind, 'web', behaviour);
    if (behaviour === 'crash') await workloads.until(() => workloads.isCrashLooping('web'));
    return diagnose(targetOf(kind));
  }

  test.each(kinds)(
    '%s: a crashing release is found, undone once, and undone back',
    async (kind) => {
      const target = targetOf(kind);
      const found = await breakBy(kind, 'crash');
      expect(found).toMatchObject({ exists: true, health: { state: 'failing' }, ignored: false });
      expect(found.revisions.map(({ number, current }) => [number, current])).toEqual([
        [2, true],
        [1, false],
      ]);
      expect(found.pods[0]).toMatchObject({ ready: false, exitCode: 1 });
      const late = Date.parse(found.faultSince!) - Date.parse(found.rolledOutAt!);
      expect(late).toBeGreaterThanOrEqual(-1_000);
      expect(late).toBeLessThan(30_000);

      const revision = (lastGoodRevision(found) ?? found.revisions[1]!).name;
      const { change } = await plan({ kind: 'rollback', target, revision });
      expect(change.to.revision).toBe(revision);
      expect(changes(kind)).toBe(0);
      expect(await run('makeChange', change)).toMatchObject({ result: 'changed', attempts: 1 });
      expect(await run('makeChange', change, { attempt: 2 })).toMatchObject({
        result: 'already',
        attempts: 2,
      });
      expect(changes(kind)).toBe(1);

      const verified = await awaitHealthy(target);
      expect(verified).toMatchObject({ state: 'healthy', templateHash: change.to.templateHash });
      expect(await workloads.behaviour(kind, 'web')).toBe('good');
      expect(await workloads.isAvailable(kind, 'web')).toBe(true);
      const { healthyAt, verifiedAt } = verified;
      expect(Date.parse(verifiedAt!) - Date.parse(healthyAt!)).toBeGreaterThanOrEqual(1_000);

      const after = await diagnose(target);
      expect(after.health.state).toBe('healthy');
      expect(Date.parse(after.rolledOutAt!)).toBeGreaterThanOrEqual(Date.parse(found.rolledOutAt!));
      expect(after.revisions.find(({ current }) => current)?.name).toBe(revision);

      expect(await run('revertChange', change)).toMatchObject({ result: 'changed' });
      expect(await run('revertChange', change)).toMatchObject({ result: 'already' });
      expect(await workloads.behaviour(kind, 'web')).toBe('crash');
      expect(changes(kind)).toBe(2);
    },
  );

  test('a StatefulSet whose strategy is OnDelete gets its broken pods replaced', async () => {
    await deploy('StatefulSet');
    const { namespace } = workloads;
    const body = { spec: { updateStrategy: { type: 'OnDelete', rollingUpdate: null } } };
    await workloads.apps.patchNamespacedStatefulSet(
      { name: 'web', namespace, body },
      strategicMerge,
    );
    await workloads.release('StatefulSet', 'web', 'crash');
    await workloads.core.deleteNamespacedPod({ name: 'web-0', namespace });
    await workloads.until(() => workloads.isCrashLooping('web'));
    const target = targetOf('StatefulSet');
    const revision = (await diagnose(target)).revisions[1]!.name;
    const { change } = await plan({ kind: 'rollback', target, revision });
    expect((await run('makeChange', change)).detail).toMatch(/web-0/);
    expect(await awaitHealthy(target)).toMatchObject({ state: 'healthy' });
  });

  test.each(kinds)('%s: a restart happens once, and its mark is taken back', async (kind) => {
    await deploy(kind);
    const target = targetOf(kind);
    const before = new Set((await workloads.pods('web')).map(({ metadata }) => metadata?.uid));
    const { change } = await plan({ kind: 'restart', target, token: 'heal:1' });
    expect(await run('makeChange', change)).toMatchObject({ result: 'changed' });
    expect(await run('makeChange', change)).toMatchObject({ result: 'already' });
    expect(changes(kind)).toBe(1);
    expect(await awaitHealthy(target)).toMatchObject({ state: 'healthy' });
    const alive = (await workloads.pods('web')).filter(
      ({ metadata }) => !metadata?.deletionTimestamp,
    );
    expect(alive.filter(({ metadata }) => before.has(metadata?.uid))).toEqual([]);
    expect(await run('revertChange', change)).toMatchObject({ result: 'changed' });
    const { spec } = await workloads.read(kind, 'web');
    expect(spec?.template.metadata?.annotations ?? {}).toEqual({});
  });

  test('what somebody else changed is left alone, and said', async () => {
    const target = targetOf('Deployment');
    const found = await breakBy('Deployment', 'crash');
    const { change } = await plan({ kind: 'rollback', target, revision: found.revisions[1]!.name });
    await workloads.release('Deployment', 'web', 'unready');
    const result = await run('makeChange', change);
    expect(result.result).toBe('superseded');
    expect(changes('Deployment')).toBe(0);
    expect(await run('revertChange', change)).toMatchObject({ result: 'superseded' });
    await workloads.apps.deleteNamespacedDeployment({
      name: 'web',
      namespace: workloads.namespace,
    });
    await workloads.until(async () => !(await diagnose(target)).exists);
    expect(await run('makeChange', change)).toMatchObject({ result: 'gone' });
    expect(await awaitHealthy(target)).toMatchObject({ state: 'gone' });
  });

  test('a release that exceeds its deadline is overdue, and its undo is not, at once', async () => {
    const target = targetOf('Deployment');
    const found = await breakBy('Deployment', 'unready');
    expect(found.health.state).toBe('pending');
    await workloads.until(async () => (await diagnose(target)).health.state === 'overdue');
    expect(lastGoodRevision(found)?.name).toBe(found.revisions[1]!.name);
    const revision = found.revisions[1]!.name;
    const { change } = await plan({ kind: 'rollback', target, revision });
    await run('makeChange', change);
    expect(await awaitHealthy(target)).toMatchObject({ state: 'healthy' });
  });

  test('awaitHealthy: fails early, gives up in time, and stops when cancelled', async () => {
    await deploy('Deployment');
    const target = targetOf('Deployment');
    await workloads.release('Deployment', 'web', 'crash');
    expect(await awaitHealthy(target)).toMatchObject({ state: 'failing' });
    await workloads.release('Deployment', 'web', 'good');
    expect(await awaitHealthy(target)).toMatchObject({ state: 'healthy' });
    expect(await awaitHealthy(target, { soakMs: 30_000, timeoutMs: 1_500 })).toMatchObject({
      state: 'timed-out',
    });
    const environment = new MockActivityEnvironment({ scheduledTimestampMs: Date.now() });
    const waiting = environment.run(activities.awaitHealthy, {
      target,
      check,
      soakMs: 30_000,
      timeoutMs: 60_000,
    });
    setTimeout(() => environment.cancel(), 300);
    await expect(waiting).rejects.toThrow('CANCELLED');
  });

  test('awaitHealthy: a soak goes on after the death of a worker, unless a pod restarted', async () => {
    await deploy('Deployment');
    const target = targetOf('Deployment');
    const environment = new MockActivityEnvironment({ scheduledTimestampMs: Date.now() });
    let heartbeatDetails: Record<string, unknown> = {};
    environment.on('heartbeat', (details) => {
      heartbeatDetails = details as Record<string, unknown>;
    });
    const input = { target, check, soakMs: 4_000, timeoutMs: 60_000 };
    const first = environment.run(activities.awaitHealthy, input);
    await sleep(2_500);
    environment.cancel();
    await expect(first).rejects.toThrow('CANCELLED');
    const healthyAt = new Date(heartbeatDetails.healthySince as number).toISOString();
    expect(await awaitHealthy(target, input, { heartbeatDetails })).toMatchObject({ healthyAt });
    const others = { ...heartbeatDetails, pods: 'others' };
    const anew = await awaitHealthy(target, { soakMs: 500 }, { heartbeatDetails: others });
    expect(Date.parse(anew.healthyAt!)).toBeGreaterThan(Date.parse(healthyAt));
  });

  test('a bare pod is made anew, once', async () => {
    await workloads.barePod('lone', 'crash');
    await workloads.until(() => workloads.isCrashLooping('lone'));
    const target = targetOf('Pod', 'lone');
    expect(await diagnose(target)).toMatchObject({ health: { state: 'failing' }, revisions: [] });
    const { change } = await plan({ kind: 'replace-pod', target });
    expect(await run('makeChange', change)).toMatchObject({ result: 'changed' });
    expect(await run('makeChange', change)).toMatchObject({ result: 'already' });
    expect((await diagnose(target)).uid).not.toBe(change.uid);
    expect(await run('revertChange', change)).toMatchObject({ result: 'already' });
    // A worker that died between the delete and the create.
    const { namespace } = workloads;
    await workloads.core.deleteNamespacedPod({ name: 'lone', namespace });
    await workloads.until(async () => !(await diagnose(target)).exists);
    expect(await run('makeChange', change)).toMatchObject({ result: 'gone' });
    expect(await run('makeChange', change, { attempt: 2 })).toMatchObject({ result: 'changed' });
  });

  test('a healthy bare pod passes its soak', async () => {
    await workloads.barePod('lone', 'good');
    const verified = await awaitHealthy(targetOf('Pod', 'lone'));
    expect(verified).toMatchObject({ state: 'healthy' });
  });

  test('a pod that has an owner, or secrets in its manifest, is not replaced', async () => {
    await deploy('Deployment');
    const owned = (await workloads.pods('web'))[0]!.metadata!.name!;
    const { namespace } = workloads;
    await expect(
      plan({ kind: 'replace-pod', target: targetOf('Pod', owned) }),
    ).rejects.toMatchObject({
      nonRetryable: true,
      message: expect.stringContaining('belongs to ReplicaSet'),
    });
    const env = [{ name: 'DB_PASSWORD', value: 'hunter2' }];
    const container = { name: 'main', image: 'localhost/busybox:1', command: ['sleep', '1'], env };
    const body = { metadata: { name: 'lone' }, spec: { containers: [container] } };
    await workloads.core.createNamespacedPod({ namespace, body });
    await expect(
      plan({ kind: 'replace-pod', target: targetOf('Pod', 'lone') }),
    ).rejects.toMatchObject({
      nonRetryable: true,
      message: expect.stringContaining('holds secrets'),
    });
  });

  test('a snapshot keeps manifests, events and logs without secrets', async () => {
    await deploy('Deployment');
    const { namespace } = workloads;
    const env = [{ name: 'API_TOKEN', value: 'hunter2' }];
    const command = ['sh', '-c', 'echo password=hunter2; echo it is broken; exit 1'];
    const image = 'localhost/busybox:1';
    const containers = [{ name: 'main', image, env, command }];
    const body = { spec: { template: { spec: { containers } } } };
    await workloads.apps.patchNamespacedDeployment(
      { name: 'web', namespace, body },
      strategicMerge,
    );
    await workloads.until(() => workloads.isCrashLooping('web'));
    const taken = await run('snapshot', {
      target: targetOf('Deployment'),
      label: 'start',
      workflowId: 'heal:trial:web',
      runId: 'r1',
    });
    const texts = await Promise.all(
      taken.map(({ uri }) => readFile(path.join(artifacts, uri), 'utf8')),
    );
    const names = taken.map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining([
        'owner.yaml',
        'revisions.yaml',
        'pods.yaml',
        'events.txt',
        'main.previous.log',
      ]),
    );
    expect(names).not.toContain('missing.txt');
    expect(texts.join('\n')).not.toContain('hunter2');
    expect(texts.filter((_text, index) => names[index]!.endsWith('.log')).join('\n')).toContain(
      'it is broken',
    );
    expect(texts[names.indexOf('events.txt')]).toContain('BackOff');
  });

  test('a kind that is not known, or has no pod template, is refused for good', async () => {
    const secret = { cluster, kind: 'Secret', name: 'nothing' };
    await expect(diagnose(secret)).rejects.toMatchObject({ nonRetryable: true });
    const node = { cluster, kind: 'Node', name: 'nothing' };
    expect(await diagnose(node)).toMatchObject({ exists: false });
    await expect(plan({ kind: 'restart', target: node, token: 't' })).rejects.toMatchObject({
      nonRetryable: true,
    });
  });

  test('a missing object, a missing revision and another cluster are refused for good', async () => {
    await deploy('Deployment');
    const target = targetOf('Deployment');
    const wrong: (() => Promise<unknown>)[] = [
      () => plan({ kind: 'rollback', target: targetOf('Deployment', 'none'), revision: 'x' }),
      () => plan({ kind: 'rollback', target, revision: 'web-none' }),
      () => diagnose({ ...target, cluster: 'elsewhere' }),
    ];
    for (const ask of wrong) await expect(ask()).rejects.toMatchObject({ nonRetryable: true });
  });

  test('an API server that is away is worth another attempt', async () => {
    const kubeConfig = new KubeConfig();
    kubeConfig.loadFromClusterAndUser(
      { name: 'away', server: 'https://127.0.0.1:1', skipTLSVerify: true },
      { name: 'nobody' },
    );
    const store = createFolderStore({ directory: artifacts });
    const away = createKubernetesActivities({
      kubeConfig,
      breaker: unbroken,
      artifacts: store,
      clusterName: cluster,
    });
    const failed = new MockActivityEnvironment().run(away.diagnose, {
      target: targetOf('Deployment'),
      check,
    });
    await expect(failed).rejects.toMatchObject({ nonRetryable: false, type: 'unreachable' });
  });

  test('changes fit into a history', async () => {
    const found = await breakBy('Deployment', 'crash');
    const { change } = await plan({
      kind: 'rollback',
      target: targetOf('Deployment'),
      revision: found.revisions[1]!.name,
    });
    expect(JSON.stringify(change)).not.toContain('configuration is broken');
    expect(JSON.stringify(change).length).toBeLessThan(2_000);
  });
});
