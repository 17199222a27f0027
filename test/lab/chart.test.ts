import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { KubernetesObject, V1Deployment } from '@kubernetes/client-node';
import { parse, parseAllDocuments } from 'yaml';
import { findTool } from '../../src/client/platform';
import { checkConfig } from '../../src/model/config';
import { describeLab } from '../support/lab';

const root = path.resolve(__dirname, '../..');
const chart = path.join(root, 'deploy', 'chart');
const parts = ['detector', 'gateway', 'worker'];
const everything = [
  ...['serviceMonitor.enabled', 'prometheusRule.enabled', 'networkPolicy.enabled'].flatMap(
    (toggle) => ['--set', `${toggle}=true`],
  ),
  ...['--set', 'secrets.temporalTls=temporal-tls', '--set', 'secrets.environment={temporal-key}'],
];

/** What the tests read of a rendered object. */
interface Rendered extends KubernetesObject {
  data?: Record<string, string>;
  spec?: { groups?: { rules: { for?: string }[] }[] };
  subjects?: { namespace?: string }[];
}

/** The chart by the real helm; it needs no cluster, but helm is built as the lab is. */
describeLab('the chart', () => {
  let helm: string;

  beforeAll(async () => {
    helm = await findTool('helm');
  }, 1_800_000);

  function template(...args: string[]): Rendered[] {
    const text = execFileSync(
      helm,
      ['template', 'homeostat', chart, '--namespace', 'homeostat', ...args],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
    );
    return parseAllDocuments(text).map((document) => document.toJS() as Rendered);
  }

  const ofKind = (objects: Rendered[], kind: string) =>
    objects.filter((object) => object.kind === kind);

  test.each([
    ['as it is', []],
    ['with everything switched on', everything],
  ])('helm finds nothing to complain about, %s', (_how, args) => {
    execFileSync(helm, ['lint', '--strict', chart, ...args], { stdio: 'pipe' });
  });

  test('what runs is as closed as it can be, spread, watched and limited', () => {
    const objects = template(...everything);
    const deployments = ofKind(objects, 'Deployment') as unknown as V1Deployment[];
    expect(deployments.map(({ metadata }) => metadata?.name)).toEqual(
      parts.map((part) => `homeostat-${part}`),
    );
    for (const { spec, metadata } of deployments) {
      expect(spec!.replicas).toBe(2);
      const pod = spec!.template.spec!;
      expect(pod.serviceAccountName).toBe(metadata!.name);
      expect(pod.securityContext).toMatchObject({
        runAsNonRoot: true,
        seccompProfile: { type: 'RuntimeDefault' },
      });
      expect(pod.topologySpreadConstraints).toHaveLength(2);
      const [container] = pod.containers;
      expect(container!.securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      expect(container!.livenessProbe?.httpGet?.path).toBe('/livez');
      expect(container!.readinessProbe?.httpGet?.path).toBe('/readyz');
      expect(container!.resources).toMatchObject({
        requests: { cpu: expect.anything(), memory: expect.anything() },
        limits: { memory: expect.anything() },
      });
      expect(container!.envFrom).toEqual([{ secretRef: { name: 'temporal-key' } }]);
    }
    for (const kind of ['PodDisruptionBudget', 'NetworkPolicy', 'Service', 'ServiceAccount']) {
      expect(ofKind(objects, kind).map(({ metadata }) => metadata?.name)).toEqual(
        expect.arrayContaining(parts.map((part) => `homeostat-${part}`)),
      );
    }
    expect(ofKind(objects, 'ServiceMonitor')).toHaveLength(1);
    // Secrets are named, never made.
    expect(ofKind(objects, 'Secret')).toEqual([]);
  });

  test('the rights are those of deploy/rbac, no more and no less', () => {
    const folder = path.join(root, 'deploy', 'rbac');
    const shipped = readdirSync(folder)
      .flatMap((file) => parseAllDocuments(readFileSync(path.join(folder, file), 'utf8')))
      .map((document) => document.toJS() as Rendered)
      .filter(({ kind }) => kind !== 'Namespace');
    const rights = /^(ServiceAccount|(Cluster)?Role(Binding)?)$/;
    const plain = ({ metadata, ...more }: Rendered) => ({
      ...more,
      name: metadata?.name,
      namespace: metadata?.namespace,
    });
    const order = (one: { kind?: string; name?: string }, other: typeof one) =>
      `${one.kind} ${one.name}`.localeCompare(`${other.kind} ${other.name}`);
    const rendered = template().filter(({ kind }) => rights.test(kind ?? ''));
    expect(rendered.map(plain).sort(order)).toEqual(shipped.map(plain).sort(order));
  });

  test('another release has names and a namespace of its own', () => {
    const objects = template('--set', 'fullnameOverride=east', '--namespace', 'ops');
    for (const { kind, metadata, subjects } of objects) {
      expect(`${kind} ${metadata?.name}`).toMatch(/ east(-|$)/);
      for (const subject of subjects ?? []) expect(subject.namespace).toBe('ops');
    }
  });

  test('the configuration is what the parts take', () => {
    const [map] = ofKind(template('--set', 'config.healing.soak=1m'), 'ConfigMap');
    const { config, problems } = checkConfig(parse(map!.data!['homeostat.yaml']!));
    expect(problems).toEqual([]);
    expect(config).toMatchObject({
      healing: { soak: 60_000, protectedNamespaces: ['kube-system', 'homeostat'] },
      worker: { listen: '0.0.0.0:9464' },
    });
  });

  test.each([
    [['--set', 'config.healing.soak=soon'], '/config/healing/soak'],
    [['--set', 'config.healng.soak=1s'], 'healng'],
    [['--set', 'replicas=3'], 'replicas'],
    [['--set', 'worker.replicas=-1'], '/worker/replicas'],
    [['--set', 'secrets.gatewayToken='], '/secrets/gatewayToken'],
  ])('%s is refused', (args, place) => {
    const run = spawnSync(helm, ['template', chart, ...args], { encoding: 'utf8' });
    expect(run.status).not.toBe(0);
    expect(run.stderr).toContain(place);
  });

  test('the alerts are those of deploy/prometheus, as patient as told', () => {
    const rules = readFileSync(path.join(root, 'deploy', 'prometheus', 'rules.yaml'), 'utf8');
    const rule = (...args: string[]) =>
      ofKind(template('--set', 'prometheusRule.enabled=true', ...args), 'PrometheusRule')[0]!.spec!;
    expect(rule()).toEqual(parse(rules));
    const hurried = rule('--set', 'prometheusRule.for=1m');
    for (const group of hurried.groups!)
      for (const alert of group.rules) expect(alert.for).toBe('1m');
  });
});
