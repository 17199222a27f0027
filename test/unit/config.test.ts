import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type ConfigSource, loadConfig } from '../../src/client/config';
import {
  configJsonSchema,
  governorPolicy,
  healingSettings,
  nodeLabels,
  slackSettings,
} from '../../src/model/config';
import { HomeostatError } from '../../src/model/errors';
import { defaultGovernorPolicy } from '../../src/model/governor/policy';
import { readSecret } from '../../src/service/secrets';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'homeostat-config-'));
const noPlatform = { HOMEOSTAT_STATE_DIR: folder };

afterAll(() => fs.rmSync(folder, { recursive: true }));

function write(text: string): string {
  const file = path.join(folder, 'homeostat.yaml');
  fs.writeFileSync(file, text);
  return file;
}

function load(text: string, env: NodeJS.ProcessEnv = {}, more: ConfigSource = {}) {
  return loadConfig({ file: write(text), env: { ...noPlatform, ...env }, ...more }).config;
}

function refusalOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    expect(error).toBeInstanceOf(HomeostatError);
    expect((error as HomeostatError).code).toBe('bad-input');
    return (error as HomeostatError).message;
  }
  throw new Error('nothing was refused');
}

const nights = 'name: nights, kind: allow, cron: "0 22 * * *", duration: 8h, timeZone: UTC';

/** A configuration with one window, of which something is otherwise. */
function window(more: Record<string, string>): string {
  const right = { name: 'nights', kind: 'allow', cron: '0 22 * * *', timeZone: 'UTC' };
  return JSON.stringify({ governor: { windows: [{ ...right, duration: '8h', ...more }] } });
}

test('a window reaches the governor, from the file and from the environment', () => {
  const expected = [
    {
      ...{ name: 'nights', kind: 'allow', cron: '0 22 * * *', timeZone: 'UTC' },
      ...{ durationMs: 8 * 3_600_000, namespaces: [] },
    },
  ];
  expect(governorPolicy(load(window({}))).windows).toEqual(expected);
  const env = { HOMEOSTAT_GOVERNOR_WINDOWS: `[{${nights}}]` };
  expect(governorPolicy(load('', env)).windows).toEqual(expected);
});

test('an empty file gives the defaults', () => {
  const config = load('');
  expect(config.cluster.name).toBe('default');
  expect(config.worker).toEqual({
    listen: '127.0.0.1:9464',
    shutdownGrace: 10_000,
    maxCachedWorkflows: 1_000,
    stickyTimeout: 2_000,
  });
  expect(config.detector.namespaces).toEqual([]);
  expect(healingSettings(config)).toEqual({
    soakMs: 10_000,
    nodeSoakMs: 60_000,
    verifyTimeoutMs: 600_000,
    approvalTimeoutMs: 3_600_000,
    rolloutWindowMs: 600_000,
    gitOps: 'ask',
    announce: false,
  });
  expect(slackSettings(config)).toBeUndefined();
  expect(governorPolicy(config)).toEqual({
    ...defaultGovernorPolicy,
    maxConcurrent: 20,
    maxUnhealthy: { nodes: 0.2, pool: 0.2, zone: 0.2, workloads: 0.5 },
    windows: [],
  });
  expect(nodeLabels(config).zone).toContain('topology.kubernetes.io/zone');
  expect(path.isAbsolute(config.artifacts.directory)).toBe(true);
});

test('flags go before the environment, and the environment before the file', () => {
  const file =
    'healing: {soak: 20s}\ncluster: {name: file, context: one}\nworker: {maxCachedWorkflows: 3}';
  const env = {
    HOMEOSTAT_HEALING_SOAK: '5s',
    HOMEOSTAT_CLUSTER_NAME: 'environment',
    HOMEOSTAT_WORKER_MAX_CACHED_WORKFLOWS: '0',
    HOMEOSTAT_DETECTOR_NAMESPACES: 'shop, api',
  };
  const config = load(file, env, { overrides: { cluster: { name: 'flag' } } });
  expect(config.healing.soak).toBe(5_000);
  expect(config.cluster).toEqual({ name: 'flag', context: 'one' });
  expect(config.worker.maxCachedWorkflows).toBe(0);
  expect(config.detector.namespaces).toEqual(['shop', 'api']);
});

test.each([
  [
    'healing: {soke: 1s}',
    /homeostat\.yaml: healing\.soke = "1s": unknown key; the keys here are soak, /,
  ],
  ['haeling: {}', /homeostat\.yaml: haeling = \{\}: unknown key; the keys here are cluster, /],
  ['healing: {soak: soon}', /healing\.soak = "soon": write a duration such as 30s/],
  ['healing: {soak: 10}', /healing\.soak = 10: write a text/],
  ['worker: {maxCachedWorkflows: -1}', /worker\.maxCachedWorkflows = -1: write at least 0/],
  ['worker: {listen: here}', /worker\.listen = "here": write an address such as/],
  ['log: {level: loud}', /log\.level = "loud": write one of trace, debug, info/],
  ['detector: {namespaces: shop}', /detector\.namespaces = "shop": write a list/],
  [
    'healing: {soak: 20m}',
    /healing\.soak = "20 m 0 s": make it shorter than healing\.verifyTimeout/,
  ],
  ['governor: {leaseTtl: 30s}', /governor\.leaseTtl = "30\.0 s": make it 3 m 0 s or longer/],
  [
    'artifacts: {s3: {bucket: b, keyId: x}}',
    /artifacts\.s3\.keyId = "x": unknown key; the keys here are bucket, region, /,
  ],
  [
    'artifacts: {s3: {bucket: b, endpoint: here}}',
    /artifacts\.s3\.endpoint = "here": write a URL such as/,
  ],
  [
    'artifacts: {directory: /var/evidence, s3: {bucket: b}}',
    /artifacts\.directory = "\/var\/evidence": leave it out, or leave out artifacts\.s3/,
  ],
  ['prometheus: {url: "ftp://x"}', /prometheus\.url = "ftp:\/\/x": write a URL such as/],
  ['slack: {channel: "#sre"}', /slack\.channel = "#sre": write the id of a channel/],
  ['slack: {channel: C123, users: {jane: {name: j}}}', /slack\.users\.jane = .*write Slack's id/],
  [
    'slack: {channel: C123, users: {U12: {name: j, rolls: []}}}',
    /slack\.users\.U12\.rolls = \[\]: unknown key; the keys here are name, roles/,
  ],
  [
    'slack: {channel: C123, users: {U12: {name: j, roles: [ser]}}, approvers: {sre: ["*"]}}',
    /slack\.users\.U12\.roles = \["ser"\]: name roles of slack\.approvers \(sre\)/,
  ],
  [
    'slack: {channel: C123, approvers: {sre: ["*"]}}',
    /slack\.approvers\.sre = \["\*"\]: give the role to somebody/,
  ],
  [
    'slack: {users: {U12: {name: j, roles: [sre]}}, approvers: {sre: ["*"]}}',
    /slack\.approvers = .*: set slack\.channel too/,
  ],
  [
    'slack: {channel: C123, remindAfter: 1h}',
    /slack\.remindAfter = "1 h 0 m": make it shorter than healing\.approvalTimeout/,
  ],
  ['governor: {coolDown: 2h}', /governor\.coolDown = "2 h 0 m": make it 1 h 0 m or shorter/],
  [
    'governor: {maxConcurrent: 5, maxConcurrentPerNamespace: 6}',
    /governor\.maxConcurrentPerNamespace = 6: make it at most governor\.maxConcurrent \(5\)/,
  ],
  ['governor: {maxConcurrentPerPool: 30}', /maxConcurrentPerPool = 30: make it at most/],
  ['governor: {maxUnhealthyPerPool: 0%}', /maxUnhealthyPerPool = "0%": write a share from 1%/],
  ['governor: {maxUnhealthyNodes: 0.2}', /maxUnhealthyNodes = 0\.2: write a text/],
  ['governor: {startsPerMinute: 0}', /startsPerMinute = 0: write/],
  ['governor: {poolLabels: []}', /poolLabels = \[\]: write at least 1/],
  ['governor: {windows: nightly}', /governor\.windows = "nightly": write a list/],
  [
    `governor: {windows: [{${nights}, zone: UTC}]}`,
    /windows\.0\.zone = "UTC": unknown key; the keys/,
  ],
  ['governor: {windows: [{name: x}]}', /windows\.0\.kind = missing: write one of allow, freeze/],
  [window({ cron: 'at night' }), /windows\.0\.cron = "at night": write five fields/],
  [window({ cron: '0 0 31 2 *' }), /windows\.0\.cron = "0 0 31 2 \*": choose a time that comes/],
  [window({ timeZone: 'Berlin' }), /windows\.0\.timeZone = "Berlin": name a time zone such as/],
  [window({ duration: '0s' }), /windows\.0\.duration = "0 ms": write a duration above 0/],
  [window({ duration: '30h' }), /windows\.0\.duration = "30 h 0 m": make it shorter than 24 h/],
  [
    `governor: {windows: [{${nights}}, {${nights}}]}`,
    /windows\.0\.name = "nights": give each window a name of its own/,
  ],
  [
    `governor: {windows: [{${nights}}, {name: dark, kind: freeze, cron: "0 21 * * *", duration: 10h, timeZone: UTC}]}`,
    /windows\.0\.cron = "0 22 \* \* \*": choose another time: the freeze dark always covers it/,
  ],
  ['- a list', /write sections/],
  ['cluster: [', /write valid YAML/],
])('refuses %s and says what would be right', (text, message) => {
  expect(refusalOf(() => load(text))).toMatch(message);
});

test('a whole section of keys can be overridden as YAML', () => {
  const env = { HOMEOSTAT_ARTIFACTS_S3: '{bucket: evidence, forcePathStyle: true}' };
  expect(load('', env).artifacts.s3).toEqual({
    bucket: 'evidence',
    region: 'us-east-1',
    prefix: '',
    forcePathStyle: true,
  });
});

test('a wrong override names its variable', () => {
  const wrong = { HOMEOSTAT_HEALING_SOAK: 'soon' };
  expect(refusalOf(() => load('', wrong))).toMatch(/^environment HOMEOSTAT_HEALING_SOAK = "soon"/);
  const unknown = { HOMEOSTAT_HEALING_SOKE: '5s' };
  expect(refusalOf(() => load('', unknown))).toMatch(
    /^environment HOMEOSTAT_HEALING_SOKE=5s: unknown key/,
  );
});

test('where people are told, and who may approve', () => {
  const text = `
slack:
  channel: C123
  users: { U12: { name: jane@example.org, roles: [sre] } }
  approvers: { sre: ["*"] }
  remindAfter: 10m`;
  const config = load(text, { HOMEOSTAT_SLACK_TOKEN: 'xoxb-1', HOMEOSTAT_SLACK_CHANNEL: 'C456' });
  expect(healingSettings(config).announce).toBe(true);
  expect(slackSettings(config)).toEqual({
    channel: 'C456',
    users: { U12: { name: 'jane@example.org', roles: ['sre'] } },
    approvers: { sre: ['*'] },
    remindAfterMs: 600_000,
  });
});

test('a mistyped variable of a secret does not show it', () => {
  const token = ['xoxb', '1234567890', 'abcdefghij'].join('-');
  const refusal = refusalOf(() => load('', { HOMEOSTAT_SLACK_TOKN: token }));
  expect(refusal).toMatch(/HOMEOSTAT_SLACK_TOKN=\*\*\*: unknown key/);
  expect(refusal).not.toContain(token);
});

test('a secret comes from the environment, else from a file, and is asked for by name', () => {
  const file = path.join(folder, 'token');
  fs.writeFileSync(file, ' from-file\n');
  const source = { key: 'slack.tokenFile', file };
  expect(readSecret('TOKEN', source, { TOKEN: 'from-env' })).toBe('from-env');
  expect(readSecret('TOKEN', source, {})).toBe('from-file');
  expect(refusalOf(() => readSecret('TOKEN', { key: 'slack.tokenFile' }, {}))).toMatch(
    /^slack\.tokenFile missing: name a file that holds it, or set TOKEN$/,
  );
  const gone = { key: 'slack.tokenFile', file: '/nowhere' };
  expect(refusalOf(() => readSecret('TOKEN', gone, {}))).toMatch(/make it a readable file/);
});

test("Kubernetes' own variables for a Service are no overrides", () => {
  const links = {
    HOMEOSTAT_WORKER_SERVICE_HOST: '10.0.0.1',
    HOMEOSTAT_WORKER_PORT: 'tcp://10.0.0.1:9464',
  };
  expect(load('', links).worker.listen).toBe('127.0.0.1:9464');
});

test('a file that was asked for must be there', () => {
  const file = path.join(folder, 'missing.yaml');
  expect(refusalOf(() => loadConfig({ file, env: noPlatform }))).toMatch(
    /missing\.yaml: make it a readable file/,
  );
});

test('the published JSON Schemas are current (npm run build, then node scripts/schema.js)', () => {
  const read = (file: string) =>
    JSON.parse(fs.readFileSync(path.resolve(__dirname, '../..', file), 'utf8'));
  const current = JSON.parse(JSON.stringify(configJsonSchema()));
  expect(read('docs/schema/homeostat.schema.json')).toEqual(current);
  const { $schema: _, ...config } = current;
  expect(read('deploy/chart/values.schema.json').properties.config).toEqual(config);
});
