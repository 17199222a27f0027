import { z } from 'zod';
import { type ChangeSettings, defaultChangeSettings } from './change';
import { formatDuration, parseDuration } from './duration';
import type { GovernorPolicy } from './governor/policy';
import { type MaintenanceWindow, windowContradiction, windowProblem } from './governor/windows';
import type { DetectionSettings } from './healing';
import type { HealingSettings } from './incident';
import { type NodeLabels, usualNodeLabels } from './kubernetes/nodes';
import { parseSize, sizePattern } from './size';
import type { SlackSettings } from './slack/settings';

const durationPattern = /^\d+(\.\d+)?(ms|s|m|h|d)$/;

/** Three renewals: one that is late or lost must not cost a procedure its lease. */
const shortestLeaseTtl = 3 * 60_000;

/** What was done to a target is remembered for so long. */
const longestCoolDown = 60 * 60_000;

const listenPattern = /^(\[[0-9a-fA-F:]+\]|[^:\s]*):\d{1,5}$/;

/** A duration written `30s`, `5m` or `1h`; milliseconds once parsed. */
const duration = (byDefault: string) => givenDuration().prefault(byDefault);

const givenDuration = () =>
  z
    .string()
    .regex(durationPattern, 'write a duration such as 30s, 5m or 1h')
    .transform((text) => parseDuration(text));

/** A share written `20%`; 0.2 once parsed. */
const share = (byDefault: string) =>
  z
    .string()
    .regex(/^(100|[1-9]\d?)%$/, 'write a share from 1% to 100%')
    .transform((text) => Number.parseInt(text, 10) / 100)
    .prefault(byDefault);

/** A size written `512Ki` or `10Mi`; bytes once parsed. */
const size = (byDefault: string) =>
  z
    .string()
    .regex(sizePattern, 'write a size such as 512Ki or 10Mi')
    .transform((text) => parseSize(text))
    .prefault(byDefault);

/** An address to serve health and metrics on. */
const listen = (byDefault: string) =>
  z
    .string()
    .regex(listenPattern, 'write an address such as 127.0.0.1:9464 or 0.0.0.0:9464')
    .default(byDefault);

const text = () => z.string().trim().min(1, 'write a text that is not empty');

const clusterSchema = z.strictObject({
  name: text()
    .regex(/^[^:\s]+$/, 'write a name without colons and spaces')
    .default('default')
    .describe('Name of the cluster in workflow ids, search attributes and reports.'),
  kubeconfig: text()
    .optional()
    .describe(
      'Path of the kubeconfig. Left out: the service account in a pod, else KUBECONFIG or ~/.kube/config.',
    ),
  context: text().optional().describe('Context of the kubeconfig. Left out: its current context.'),
});

const temporalSchema = z.strictObject({
  address: text()
    .optional()
    .describe(
      "host:port of Temporal's frontend. Temporal's own environment (TEMPORAL_ADDRESS and its files) goes first.",
    ),
  namespace: text()
    .default('default')
    .describe('Namespace of Temporal. TEMPORAL_NAMESPACE goes first.'),
  taskQueue: text()
    .default('homeostat')
    .describe('Task queue of the worker; one per cluster where several share a namespace.'),
  ui: text().optional().describe("Base URL of Temporal's web UI, for links."),
});

const workerSchema = z.strictObject({
  listen: listen('127.0.0.1:9464').describe('Address of /livez, /readyz and /metrics.'),
  shutdownGrace: duration('10s').describe(
    'How long the worker has to end after SIGTERM; keep it below terminationGracePeriodSeconds.',
  ),
  maxCachedWorkflows: z
    .int()
    .min(0)
    .default(1_000)
    .describe('Procedures kept in memory between their tasks; 0 replays each from its history.'),
  stickyTimeout: duration('2s').describe(
    'How long a task waits for the worker that has its procedure cached before another takes it.',
  ),
});

const detectorSchema = z.strictObject({
  listen: listen('127.0.0.1:9465').describe('Address of /livez, /readyz and /metrics.'),
  namespaces: z.array(text()).default([]).describe('Namespaces that are watched; none means all.'),
  rolloutDeadline: duration('10m').describe(
    'Within which a StatefulSet or DaemonSet must finish a rollout; Deployments have their own progressDeadlineSeconds.',
  ),
  waitingDeadline: duration('10s').describe(
    'How long a container may wait for an image or configuration that it did not get, since both are tried for again.',
  ),
  unreadyDeadline: duration('5m').describe(
    'How long a pod of a StatefulSet or DaemonSet may be unready.',
  ),
  schedulingDeadline: duration('5m').describe(
    'How long a pod may find no node, since nodes may be added for it.',
  ),
  autoscalerDeadline: duration('5m').describe(
    'How long an autoscaler may want more replicas than it may have.',
  ),
  terminatingDeadline: duration('5m').describe(
    'How long after its grace period a pod may go on terminating.',
  ),
  drainDeadline: duration('5m').describe(
    'How long a disruption budget that is too strict may hold up the drain of a cordoned node.',
  ),
  evictedPods: z
    .int()
    .min(1)
    .default(10)
    .describe('How many evicted pods of one owner are too many.'),
  nodeDeadline: duration('60s').describe(
    'How long a node may be not Ready, or have a problem, before it is healed.',
  ),
  pressureDeadline: duration('5m').describe(
    'How long a node may be short of disk, memory or process ids before pods are evicted.',
  ),
  nodeConditions: z
    .array(text())
    .default(['KernelDeadlock', 'ReadonlyFilesystem'])
    .describe('Conditions of nodes that are a problem when they are True.'),
  flaps: z
    .int()
    .min(2)
    .max(50)
    .default(3)
    .describe('A node that lost its Ready so often within flapWindow flaps.'),
  flapWindow: duration('15m').describe('The time within which losses of Ready are counted.'),
});

const limitsSchema = z.strictObject({
  evictAtOnce: z
    .int()
    .min(1)
    .max(50)
    .default(3)
    .describe('Pods that are evicted at once from a node under pressure.'),
  memoryStep: z
    .int()
    .min(1)
    .max(100)
    .default(defaultChangeSettings.limits.memoryStep)
    .describe('By how many percent the limit of a container is raised that needs more memory.'),
  memoryMax: z
    .string()
    .regex(/^[1-9]\d*(Mi|Gi)$/, 'write a size such as 512Mi or 4Gi')
    .default(defaultChangeSettings.limits.memoryMax)
    .describe('The largest memory limit that a container is raised to.'),
  replicasStep: z
    .int()
    .min(1)
    .max(100)
    .default(defaultChangeSettings.limits.replicasStep)
    .describe('By how many percent the maximum of an autoscaler is raised that wants more.'),
  replicasMax: z
    .int()
    .min(1)
    .default(defaultChangeSettings.limits.replicasMax)
    .describe('The largest maximum that an autoscaler is raised to.'),
});

const agreed = (byDefault: 'evict' | 'approve') => z.enum(['evict', 'approve']).default(byDefault);

/** The longest time that an attempt at a change has, less some room for its end. */
const longestChange = 50 * 60_000;

const drainSchema = z.strictObject({
  timeout: duration('10m').describe(
    'How long a drain may take, waiting for disruption budgets included; at most 50m.',
  ),
  unmanagedPods: agreed('approve').describe(
    'Pods that no controller would make anew: evict them, or approve each drain that would.',
  ),
  emptyDir: agreed('evict').describe('The same for pods whose emptyDir volumes would be lost.'),
});

const hookCommon = {
  approval: z.boolean().default(true).describe('Whether a person must agree each time.'),
  timeout: duration('15m').describe('How long it may take; at most 50m.'),
};

const machineHookSchema = z.strictObject({
  type: z.literal('machine'),
  ...hookCommon,
  kubeconfig: text()
    .optional()
    .describe('Path of the kubeconfig of the management cluster. Left out: the cluster itself.'),
  context: text().optional().describe('Context of that kubeconfig.'),
  apiVersion: z
    .enum(['v1beta1', 'v1beta2'])
    .default('v1beta1')
    .describe("Version of Cluster API's objects."),
});

const jobHookSchema = z.strictObject({
  type: z.literal('job'),
  ...hookCommon,
  namespace: text().default('homeostat').describe('Namespace of the Job and its ConfigMap.'),
  placement: z
    .enum(['node', 'anywhere'])
    .default('node')
    .describe('Run it on the node itself, or wherever there is room.'),
  template: z.record(z.string(), z.unknown()).optional().describe('Manifest of the Job.'),
  configMap: z
    .strictObject({ name: text(), key: text().default('job.yaml') })
    .optional()
    .describe('Where the manifest is, instead.'),
});

const commandHookSchema = z.strictObject({
  type: z.literal('command'),
  ...hookCommon,
  command: z
    .array(text())
    .min(1)
    .describe('Program and arguments, never a shell; {node} and {providerId} are filled in.'),
  environment: z
    .array(text().regex(/^[A-Za-z_]\w*$/, 'write names of variables, not values'))
    .default(['PATH', 'HOME'])
    .describe("Names of the worker's environment variables that it gets."),
});

const hookSchema = z.discriminatedUnion('type', [
  machineHookSchema,
  jobHookSchema,
  commandHookSchema,
]);

const hooksSchema = z.strictObject({
  reboot: hookSchema.optional().describe('Reboots a node.'),
  replace: hookSchema.optional().describe('Replaces a node by another.'),
  fence: hookSchema.optional().describe('Proves that a node is without power; always approved.'),
  addNodes: hookSchema.optional().describe('Adds nodes where pods find no room.'),
});

const tlsSchema = z.strictObject({
  cert: text().describe('PEM file of the certificate to serve with.'),
  key: text().describe('PEM file of its key.'),
  clientCa: text()
    .optional()
    .describe('PEM file of the authority that must have signed the certificate of every sender.'),
});

const gatewaySchema = z.strictObject({
  listen: listen('127.0.0.1:8088').describe('Address of the hooks, the API, health and metrics.'),
  tokenFile: text()
    .optional()
    .describe('File with the bearer token of hooks and API. HOMEOSTAT_GATEWAY_TOKEN goes first.'),
  tls: tlsSchema.optional().describe('Serve HTTPS. Left out: HTTP.'),
  bodyLimit: size('5Mi').describe('Longest body that is taken.'),
  rate: z
    .int()
    .min(1)
    .default(1_000)
    .describe('Requests a second that are taken from one address.'),
});

const healingSchema = z.strictObject({
  soak: duration('10s').describe('Healthy without a break for so long counts as healed.'),
  nodeSoak: duration('1m').describe('The same for nodes.'),
  verifyTimeout: duration('10m').describe('How long a rung has until the target must be healthy.'),
  approvalTimeout: duration('1h').describe('How long an approval is waited for.'),
  rolloutWindow: duration('10m').describe(
    'A fault that begins within so long after a rollout is held to follow it.',
  ),
  gitOps: z
    .enum(['ask', 'pause', 'proceed'])
    .default('ask')
    .describe(
      'What is done before changing what Flux or Argo CD applies from Git: ask a person, pause its reconciliation meanwhile, or proceed.',
    ),
  protectedNamespaces: z
    .array(text())
    .default(['kube-system'])
    .describe('Namespaces in which every action needs an approval.'),
  limits: limitsSchema.prefault({}).describe('How much may be changed, and how much at once.'),
  drain: drainSchema.prefault({}).describe('How pods are moved off a node.'),
  hooks: hooksSchema.prefault({}).describe('What does to nodes what Kubernetes cannot.'),
});

const windowSchema = z.strictObject({
  name: text().describe('What it is called in gates and reports.'),
  kind: z
    .enum(['allow', 'freeze'])
    .describe('allow: procedures act only inside such windows. freeze: they never act inside.'),
  cron: text().describe('When it begins: minute, hour, day of month, month, day of week.'),
  duration: givenDuration().describe('How long it lasts.'),
  timeZone: text().describe('Time zone of the cron line, such as Europe/Berlin.'),
  namespaces: z
    .array(text())
    .default([])
    .describe('Only for targets in these namespaces; none means the whole cluster.'),
});

const governorSchema = z.strictObject({
  maxConcurrent: z
    .int()
    .min(1)
    .max(1_000)
    .default(20)
    .describe('Procedures that may be at work at once.'),
  maxConcurrentPerNamespace: z
    .int()
    .min(1)
    .optional()
    .describe('Of these, on targets of one namespace. Left out: as many as in the cluster.'),
  maxConcurrentPerPool: z.int().min(1).default(1).describe('Of these, on nodes of one pool.'),
  maxConcurrentPerZone: z.int().min(1).default(1).describe('Of these, on nodes of one zone.'),
  maxUnhealthyNodes: share('20%').describe(
    'Share of the nodes that may be out of service before only a person lets procedures on nodes begin; one always may.',
  ),
  maxUnhealthyPerPool: share('20%').describe('The same within one pool.'),
  maxUnhealthyPerZone: share('20%').describe('The same within one zone.'),
  maxUnhealthyWorkloads: share('50%').describe(
    'Share of the workloads that may lack pods before only a person lets other procedures begin; five always may.',
  ),
  poolLabels: z
    .array(text())
    .min(1, 'name at least one label')
    .default(usualNodeLabels.pool)
    .describe("Labels that name a node's pool; the first that it has counts."),
  zoneLabels: z
    .array(text())
    .min(1, 'name at least one label')
    .default(usualNodeLabels.zone)
    .describe("Labels that name a node's zone; the first that it has counts."),
  startsPerMinute: z
    .number()
    .positive('write a number above 0')
    .max(600)
    .default(60)
    .describe('Procedures that may begin a minute, in the long run.'),
  startBurst: z
    .int()
    .min(1)
    .max(1_000)
    .default(20)
    .describe('Procedures that may begin at once after a quiet time.'),
  windows: z
    .array(windowSchema)
    .max(50)
    .default([])
    .describe('When procedures may act, and when not.'),
  leaseTtl: duration('5m').describe('A lease that is not renewed for so long comes free.'),
  coolDown: duration('30s').describe('Pause between two procedures on one target.'),
  attemptsPerHour: z
    .int()
    .min(1)
    .default(5)
    .describe('Procedures that may act on one target within an hour.'),
});

const s3Schema = z.strictObject({
  bucket: text().describe('Name of the bucket; it must exist.'),
  region: text().default('us-east-1').describe('Region of the bucket.'),
  endpoint: z
    .url({ protocol: /^https?$/, error: 'write a URL such as https://s3.example.org' })
    .optional()
    .describe('URL of a server other than AWS that speaks S3.'),
  prefix: z
    .string()
    .regex(/^([^/].*\/)?$/, 'write a prefix that ends with a slash, such as homeostat/')
    .default('')
    .describe('Goes before every key, such as homeostat/.'),
  forcePathStyle: z
    .boolean()
    .default(false)
    .describe(
      "Name the bucket in the URL's path and not in its host, as most servers beside AWS want.",
    ),
});

const slackSchema = z.strictObject({
  channel: z
    .string()
    .regex(/^[CGD][A-Z0-9]+$/, 'write the id of a channel, such as C0123456789, not its name')
    .optional()
    .describe(
      'Id of the channel that is told. Left out: nothing is told, and nobody approves in Slack.',
    ),
  apiUrl: z
    .url('write a URL such as https://slack.com/api/')
    .default('https://slack.com/api/')
    .describe("Base URL of Slack's Web API."),
  tokenFile: text()
    .optional()
    .describe('File with the bot token, for the worker. HOMEOSTAT_SLACK_TOKEN goes first.'),
  signingSecretFile: text()
    .optional()
    .describe(
      'File with the signing secret, for the gateway. HOMEOSTAT_SLACK_SIGNING_SECRET goes first.',
    ),
  users: z
    .record(
      z.string().regex(/^[UW][A-Z0-9]+$/, "write Slack's id of a user, such as U0123456789"),
      z.strictObject({
        name: text().describe('Name or e-mail, as it stands in the record of an approval.'),
        roles: z.array(text()).default([]),
      }),
    )
    .default({})
    .describe("People by Slack's user id."),
  approvers: z
    .record(text(), z.array(text()).min(1, 'name a namespace, or "*" for all'))
    .default({})
    .describe(
      'Namespaces in which each role may approve; "*" is all, and what has no namespace. Left out: nobody may.',
    ),
  remindAfter: z
    .string()
    .regex(durationPattern, 'write a duration such as 30s, 5m or 1h')
    .transform((text) => parseDuration(text))
    .optional()
    .describe('When a waiting approval is reminded of. Left out: at half of its time.'),
  reportUrl: z
    .url('write a URL such as https://homeostat.example.org/reports/{id}')
    .optional()
    .describe('URL of a report, for links; {id} and {runId} are filled in.'),
});

const artifactsSchema = z.strictObject({
  directory: text()
    .optional()
    .describe('Folder of the evidence. Left out: homeostat/artifacts in the user data folder.'),
  s3: s3Schema
    .optional()
    .describe(
      "Bucket of the evidence, instead of a folder. Credentials come from the environment or files, by the AWS SDK's default chain.",
    ),
  retention: duration('30d').describe(
    'How long evidence is kept in a folder; a bucket has a lifecycle rule for it.',
  ),
});

const prometheusSchema = z.strictObject({
  url: z
    .url({ protocol: /^https?$/, error: 'write a URL such as http://prometheus.monitoring:9090' })
    .optional()
    .describe('Where Prometheus answers. Left out: evidence holds no metrics.'),
  tokenFile: text()
    .optional()
    .describe('File with a bearer token, read at each request. PROMETHEUS_TOKEN goes first.'),
  lookback: duration('30m').describe('How far back the metrics of a snapshot go.'),
});

const logSchema = z.strictObject({
  level: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal'])
    .default('info')
    .describe('Least severe level that is logged.'),
});

/** `homeostat.yaml`: every key has a default, unknown keys are refused. */
export const configSchema = z.strictObject({
  cluster: clusterSchema.prefault({}).describe('The Kubernetes cluster that is looked after.'),
  temporal: temporalSchema.prefault({}).describe('Where procedures live.'),
  worker: workerSchema.prefault({}).describe('The worker, which runs procedures.'),
  detector: detectorSchema.prefault({}).describe('The detector, which watches the cluster.'),
  gateway: gatewaySchema
    .prefault({})
    .describe('The gateway, which takes alerts and serves the API.'),
  healing: healingSchema.prefault({}).describe('Times and limits of healing.'),
  governor: governorSchema.prefault({}).describe('Leases and budgets of the cluster.'),
  slack: slackSchema.prefault({}).describe('Where people are told, and who may approve there.'),
  artifacts: artifactsSchema.prefault({}).describe('Where evidence is kept.'),
  prometheus: prometheusSchema.prefault({}).describe('Metrics for the evidence.'),
  log: logSchema.prefault({}).describe('Logs, JSON lines on stderr.'),
});

/** A checked configuration: durations are milliseconds, defaults are filled in. */
export type Config = z.output<typeof configSchema>;

/** A configuration as it is written in the file. */
export type ConfigInput = z.input<typeof configSchema>;

/** Something wrong in a configuration. */
export interface ConfigProblem {
  /** `healing.soak`; empty for the document itself. */
  path: string;
  value: unknown;
  mend: string;
}

/** Checks a document; the problems are empty exactly when there is a config. */
export function checkConfig(document: unknown): { config?: Config; problems: ConfigProblem[] } {
  const result = configSchema.safeParse(document ?? {});
  if (!result.success)
    return { problems: result.error.issues.flatMap((i) => toProblems(i, document)) };
  const problems = contradictions(result.data);
  return problems.length > 0 ? { problems } : { config: result.data, problems };
}

function toProblems(issue: z.core.$ZodIssue, document: unknown): ConfigProblem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => {
      const path = [...issue.path, key];
      return { path: path.join('.'), value: at(document, path), mend: knownKeys(issue.path) };
    });
  }
  return [{ path: issue.path.join('.'), value: at(document, issue.path), mend: mendOf(issue) }];
}

/** What would mend an issue, in the imperative. */
export function mendOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return `write ${article(issue.expected)}`;
  if (issue.code === 'invalid_value') return `write one of ${issue.values.join(', ')}`;
  if (issue.code === 'invalid_key') return issue.issues.map(mendOf).join(', ');
  if (issue.code === 'too_small')
    return issue.origin === 'string' ? issue.message : `write at least ${issue.minimum}`;
  return issue.message;
}

function article(type: string): string {
  const names: Record<string, string> = {
    string: 'a text',
    int: 'a whole number',
    number: 'a number',
    array: 'a list',
    object: 'keys and values',
    record: 'keys and values',
  };
  return names[type] ?? type;
}

function knownKeys(path: PropertyKey[]): string {
  const shape = path.reduce<z.core.$ZodType>(
    (schema, key) => innerOf(schema, String(key)),
    configSchema,
  );
  return `unknown key; the keys here are ${Object.keys(shapeOf(shape)).join(', ')}`;
}

function innerOf(schema: z.core.$ZodType, key: string): z.core.$ZodType {
  const known = schema instanceof z.ZodDefault ? schema.unwrap() : schema;
  if (known instanceof z.ZodArray) return known.element;
  return known instanceof z.ZodRecord ? known.valueType : shapeOf(known)[key]!;
}

/** The keys of an object schema, also of one that may be left out. */
export function shapeOf(schema: z.core.$ZodType): Record<string, z.core.$ZodType> {
  if (schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional)
    return shapeOf(schema.unwrap() as z.core.$ZodType);
  if (schema instanceof z.ZodDiscriminatedUnion)
    return Object.assign({}, ...schema.options.map(shapeOf)) as Record<string, z.core.$ZodType>;
  return schema instanceof z.ZodObject ? schema.shape : {};
}

function at(document: unknown, path: PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (value as Record<PropertyKey, unknown>)?.[key],
    document,
  );
}

/** Settings that are each right but not together. */
function contradictions(config: Config): ConfigProblem[] {
  const { healing, governor, artifacts } = config;
  const problems = [...budgetProblems(governor), ...windowProblems(governor)];
  if (healing.soak >= healing.verifyTimeout) {
    problems.push({
      path: 'healing.soak',
      value: formatDuration(healing.soak),
      mend: `make it shorter than healing.verifyTimeout (${formatDuration(healing.verifyTimeout)}), else nothing is ever verified`,
    });
  }
  if (healing.nodeSoak >= healing.verifyTimeout) {
    problems.push({
      path: 'healing.nodeSoak',
      value: formatDuration(healing.nodeSoak),
      mend: `make it shorter than healing.verifyTimeout (${formatDuration(healing.verifyTimeout)}), else no node is ever verified`,
    });
  }
  problems.push(...tooLong('healing.drain.timeout', healing.drain.timeout));
  for (const [name, hook] of Object.entries(healing.hooks)) {
    problems.push(...contradictionsOf(name, hook));
  }
  if (governor.leaseTtl < shortestLeaseTtl) {
    problems.push({
      path: 'governor.leaseTtl',
      value: formatDuration(governor.leaseTtl),
      mend: `make it ${formatDuration(shortestLeaseTtl)} or longer, since a lease is renewed once a minute`,
    });
  }
  if (governor.coolDown > longestCoolDown) {
    problems.push({
      path: 'governor.coolDown',
      value: formatDuration(governor.coolDown),
      mend: `make it ${formatDuration(longestCoolDown)} or shorter, since longer is not remembered; governor.attemptsPerHour limits repeats`,
    });
  }
  if (artifacts.directory && artifacts.s3) {
    problems.push({
      path: 'artifacts.directory',
      value: artifacts.directory,
      mend: `leave it out, or leave out artifacts.s3 (${artifacts.s3.bucket}): evidence has one place`,
    });
  }
  return [...problems, ...slackContradictions(config)];
}

function slackContradictions({ slack, healing }: Config): ConfigProblem[] {
  const { channel, users, approvers, remindAfter } = slack;
  const problems: ConfigProblem[] = [];
  if (!channel && Object.keys(approvers).length > 0) {
    const mend = 'set slack.channel too, else nobody is ever asked';
    problems.push({ path: 'slack.approvers', value: approvers, mend });
  }
  for (const [id, { roles }] of Object.entries(users)) {
    const unknown = roles.find((role) => !Object.hasOwn(approvers, role));
    if (!unknown) continue;
    const known = Object.keys(approvers).join(', ') || 'none';
    const mend = `name roles of slack.approvers (${known}), or add "${unknown}" there`;
    problems.push({ path: `slack.users.${id}.roles`, value: roles, mend });
  }
  for (const role of Object.keys(approvers)) {
    if (Object.values(users).some(({ roles }) => roles.includes(role))) continue;
    const mend = `give the role to somebody in slack.users, else nobody may approve as ${role}`;
    problems.push({ path: `slack.approvers.${role}`, value: approvers[role], mend });
  }
  if (remindAfter !== undefined && remindAfter >= healing.approvalTimeout) {
    const timeout = formatDuration(healing.approvalTimeout);
    const mend = `make it shorter than healing.approvalTimeout (${timeout}), else nobody is ever reminded`;
    problems.push({ path: 'slack.remindAfter', value: formatDuration(remindAfter), mend });
  }
  return problems;
}

function tooLong(path: string, milliseconds: number): ConfigProblem[] {
  if (milliseconds <= longestChange) return [];
  const mend = `make it ${formatDuration(longestChange)} or shorter`;
  return [{ path, value: formatDuration(milliseconds), mend }];
}

function contradictionsOf(name: string, hook: z.output<typeof hookSchema>): ConfigProblem[] {
  const path = `healing.hooks.${name}`;
  const problems = tooLong(`${path}.timeout`, hook.timeout);
  if (hook.type === 'machine' && name !== 'replace') {
    const mend = 'write job or command: only a replacement is made by deleting a Machine';
    problems.push({ path: `${path}.type`, value: hook.type, mend });
  }
  if (hook.type === 'job' && Boolean(hook.template) === Boolean(hook.configMap)) {
    problems.push({ path, value: hook.type, mend: 'give one of template and configMap' });
  }
  if (hook.type === 'job' && hook.placement === 'node' && !onNode.includes(name)) {
    const mend = `write anywhere: a Job for ${name} cannot run on the node`;
    problems.push({ path: `${path}.placement`, value: hook.placement, mend });
  }
  if (name === 'fence' && !hook.approval) {
    const mend = 'write true: fencing always waits for a person';
    problems.push({ path: `${path}.approval`, value: false, mend });
  }
  return problems;
}

/** Hooks whose Job may run on the node that it is about. */
const onNode = ['reboot', 'replace'];

/** A part of the cluster cannot have a larger budget than the cluster. */
function budgetProblems(governor: Config['governor']): ConfigProblem[] {
  const { maxConcurrent } = governor;
  const parts = [
    'maxConcurrentPerNamespace',
    'maxConcurrentPerPool',
    'maxConcurrentPerZone',
  ] as const;
  return parts
    .filter((key) => (governor[key] ?? 0) > maxConcurrent)
    .map((key) => ({
      path: `governor.${key}`,
      value: governor[key],
      mend: `make it at most governor.maxConcurrent (${maxConcurrent})`,
    }));
}

/** Windows that cannot be, alone or beside those before them. */
function windowProblems(governor: Config['governor']): ConfigProblem[] {
  const now = Date.now();
  const windows = maintenanceWindows(governor);
  return windows.flatMap((window, index) => {
    const others = windows.filter((other) => other !== window);
    const problem =
      windowProblem(window, now) ??
      (others.every((other) => !windowProblem(other, now))
        ? windowContradiction(window, others, now)
        : undefined);
    if (!problem) return [];
    const { field, mend } = problem;
    const key = field === 'durationMs' ? 'duration' : field;
    const value = field === 'durationMs' ? formatDuration(window.durationMs) : window[field];
    return [{ path: `governor.windows.${index}.${key}`, value, mend }];
  });
}

function maintenanceWindows({ windows }: Config['governor']): MaintenanceWindow[] {
  return windows.map(({ duration: durationMs, ...window }) => ({ ...window, durationMs }));
}

/** The times that a healing procedure is started with. */
export function healingSettings({ healing, slack }: Config): HealingSettings {
  return {
    soakMs: healing.soak,
    nodeSoakMs: healing.nodeSoak,
    verifyTimeoutMs: healing.verifyTimeout,
    approvalTimeoutMs: healing.approvalTimeout,
    rolloutWindowMs: healing.rolloutWindow,
    gitOps: healing.gitOps,
    announce: slack.channel !== undefined,
  };
}

/** The deadlines and thresholds that detection goes by. */
export function detectionSettings({ detector }: Config): DetectionSettings {
  return {
    rolloutDeadlineMs: detector.rolloutDeadline,
    terminatingDeadlineMs: detector.terminatingDeadline,
    drainDeadlineMs: detector.drainDeadline,
    evictedPods: detector.evictedPods,
    waitingDeadlineMs: detector.waitingDeadline,
    nodeDeadlineMs: detector.nodeDeadline,
    pressureDeadlineMs: detector.pressureDeadline,
    nodeConditions: detector.nodeConditions,
    flaps: detector.flaps,
    flapWindowMs: detector.flapWindow,
    unreadyDeadlineMs: detector.unreadyDeadline,
    schedulingDeadlineMs: detector.schedulingDeadline,
    autoscalerDeadlineMs: detector.autoscalerDeadline,
  };
}

/** Who is told where and who may approve, or undefined where Slack is not configured. */
export function slackSettings({ slack }: Config): SlackSettings | undefined {
  const { channel, users, approvers, remindAfter } = slack;
  return channel ? { channel, users, approvers, remindAfterMs: remindAfter } : undefined;
}

/** How changes are made. */
export function changeSettings({ healing: { drain, hooks, limits } }: Config): ChangeSettings {
  const { timeout: timeoutMs, unmanagedPods, emptyDir } = drain;
  const named = Object.entries(hooks).map(([name, { timeout, ...hook }]) => [
    name,
    { ...hook, timeoutMs: timeout },
  ]);
  return {
    drain: { timeoutMs, unmanagedPods, emptyDir },
    hooks: Object.fromEntries(named),
    limits,
  };
}

/** The limits that the governor is configured with. */
export function governorPolicy({ governor }: Config): GovernorPolicy {
  return {
    maxConcurrent: governor.maxConcurrent,
    maxConcurrentPerNamespace: governor.maxConcurrentPerNamespace ?? governor.maxConcurrent,
    maxConcurrentPerPool: governor.maxConcurrentPerPool,
    maxConcurrentPerZone: governor.maxConcurrentPerZone,
    maxUnhealthy: {
      nodes: governor.maxUnhealthyNodes,
      pool: governor.maxUnhealthyPerPool,
      zone: governor.maxUnhealthyPerZone,
      workloads: governor.maxUnhealthyWorkloads,
    },
    startsPerMinute: governor.startsPerMinute,
    startBurst: governor.startBurst,
    leaseTtlMs: governor.leaseTtl,
    coolDownMs: governor.coolDown,
    attemptsPerHour: governor.attemptsPerHour,
    windows: maintenanceWindows(governor),
  };
}

/** The labels that tell a node's pool and zone. */
export function nodeLabels({ governor }: Config): NodeLabels {
  return { pool: governor.poolLabels, zone: governor.zoneLabels };
}

/** JSON Schema of the file as it is written, for editors. */
export function configJsonSchema(): object {
  return {
    title: 'homeostat.yaml',
    description: 'Configuration of Homeostat. Durations are written 30s, 5m or 1h.',
    ...z.toJSONSchema(configSchema, { io: 'input' }),
  };
}
