import Table from 'cli-table3';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { exitCodes } from '../../model/errors';
import {
  type Check,
  diagnose,
  ensureUp,
  holdPart,
  type Platform,
  platformPaths,
  readPlatform,
  releasePart,
  showProgress,
  supervise,
  takeDown,
} from '../platform';
import { checkMarks } from './leaked';

type Output = 'table' | 'json';

const nameOption = () => new Option('--name <name>', 'name of the platform').default('default');
const outputOption = () =>
  new Option('-o, --output <format>', 'format').choices(['table', 'json']).default('table');

function integer(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('give a whole number');
  return Number(text);
}

function port(text: string): number {
  const number = integer(text);
  if (number < 1 || number > 65_535) throw new InvalidArgumentError('give a port from 1 to 65535');
  return number;
}

interface DoctorOptions {
  name: string;
  config?: string;
  fix?: boolean;
  output: Output;
}

/** `up`, `down`, `status`, `doctor`, `lab`: the local platform. */
export function registerPlatformCommands(program: Command): void {
  program
    .command('up')
    .description('bring up the local platform: Temporal, a cluster, worker, detector and gateway')
    .addOption(nameOption())
    .option('--context <context>', 'use a cluster of yours, by the context of its kubeconfig')
    .option('--kubeconfig <file>', 'kubeconfig that holds the context')
    .option('--bare', 'Temporal and the cluster only')
    .option('--monitoring', 'Prometheus with alerts, Alertmanager and metrics for autoscalers too')
    .option('--in-cluster', 'worker, detector and gateway in the cluster, installed by the chart')
    .option('--nodes <count>', 'nodes of the cluster, 3 to 5', integer)
    .option('--temporal-address <address>', 'use a Temporal server of yours')
    .option('--temporal-port <port>', 'port of Temporal', port)
    .option('--ui-port <port>', "port of Temporal's web UI", port)
    .addOption(outputOption())
    .action(async ({ output, ...options }: { output: Output } & Parameters<typeof ensureUp>[0]) => {
      const { progress, finish } = showProgress();
      const platform = await ensureUp({ ...options, progress }).catch((error: unknown) => {
        finish(false);
        throw error;
      });
      finish(true);
      print(platform, output);
    });

  program
    .command('down')
    .description('end what up started, and leave nothing behind')
    .addOption(nameOption())
    .action(async ({ name }: { name: string }) => {
      const done = await takeDown(name);
      process.stderr.write(
        `homeostat: ${done ? `platform "${name}" is down` : 'nothing to take down'}\n`,
      );
    });

  program
    .command('status')
    .description('where the parts of the local platform are, and whether they are ready')
    .addOption(nameOption())
    .addOption(outputOption())
    .action(({ name, output }: { name: string; output: Output }) => {
      const platform = readPlatform(name);
      if (!platform) {
        process.stderr.write(`homeostat: there is no platform "${name}": run homeostat up\n`);
        process.exitCode = exitCodes.unreachable;
        return;
      }
      print(platform, output);
      process.exitCode = platform.ready ? 0 : exitCodes.failed;
    });

  program
    .command('doctor')
    .description(
      'look for what is wrong with the machine, the cache, the platform, and marks left on objects',
    )
    .addOption(nameOption())
    .option('--config <file>', 'look for marks in the cluster of this configuration')
    .option('--fix', 'take away the marks of procedures that are over, and uncordon their nodes')
    .addOption(outputOption())
    .action(async ({ name, config, fix = false, output }: DoctorOptions) => {
      const checks = await diagnose(name);
      if (config || readPlatform(name)) checks.push(await checkMarks({ name, config }, fix));
      write(
        output === 'json'
          ? JSON.stringify({ ok: checks.every(({ ok }) => ok), checks }, undefined, 2)
          : doctorTable(checks),
      );
      process.exitCode = checks.every(({ ok }) => ok) ? 0 : exitCodes.failed;
    });

  const lab = program.command('lab').description('play with the parts of the local platform');
  lab
    .command('stop <part>')
    .description(
      'hold a part down: node-2 (its kubelet), node-2/containerd, kube-apiserver, temporal, worker, …',
    )
    .option('--kill', 'end it with SIGKILL instead of asking it to end')
    .addOption(nameOption())
    .action(async (part: string, { name, kill }: { name: string; kill?: boolean }) => {
      await holdPart(part, name, kill ?? false);
      process.stderr.write(`homeostat: ${part} is held down\n`);
    });
  lab
    .command('start <part>')
    .description('let a part run again that was held down')
    .addOption(nameOption())
    .action(async (part: string, { name }: { name: string }) => {
      await releasePart(part, name);
      process.stderr.write(`homeostat: ${part} is ready\n`);
    });

  program
    .command('supervise', { hidden: true })
    .addOption(nameOption())
    .action(({ name }: { name: string }) => supervise(platformPaths(name).name));
}

const write = (text: string) => process.stdout.write(`${text}\n`);

function print(platform: Platform, output: Output): void {
  write(
    output === 'json' ? JSON.stringify(statusJson(platform), undefined, 2) : statusTable(platform),
  );
}

function statusJson({ ready, temporal, cluster, gateway, parts, ...more }: Platform) {
  return { ready, temporal, cluster, gateway, parts, ...more };
}

/** cli-table3 without its frames, as kubectl prints. */
const plain = {
  chars: Object.fromEntries(
    [
      'top',
      'top-mid',
      'top-left',
      'top-right',
      'bottom',
      'bottom-mid',
      'bottom-left',
      'bottom-right',
      'left',
      'left-mid',
      'mid',
      'mid-mid',
      'right',
      'right-mid',
      'middle',
    ].map((place) => [place, '']),
  ),
  style: { head: [], border: [], 'padding-left': 0, 'padding-right': 3 },
};

function statusTable(platform: Platform): string {
  const facts = new Table(plain);
  const { temporal, cluster, configs } = platform;
  facts.push(
    [
      'platform',
      `${platform.name}: ${platform.ready ? 'ready' : (platform.error ?? platform.step)}`,
    ],
    ['temporal', temporal.address],
    ['ui', temporal.ui ?? '-'],
    ['cluster', `${cluster.name}, ${cluster.nodes.length || 'unknown'} nodes (${cluster.kind})`],
    ['kubeconfig', cluster.kubeconfig],
    [
      'services',
      cluster.services ? `${cluster.services}, NodePorts at ${cluster.nodeAddress}` : '-',
    ],
    ...(platform.monitoring
      ? [
          ['prometheus', platform.monitoring.prometheus],
          ['alertmanager', platform.monitoring.alertmanager],
        ]
      : []),
    ['audit log', cluster.auditLog ?? '-'],
    ['gateway', platform.gateway.url ?? '-'],
    ['config', configs.cli],
    ['logs', platform.logs],
  );
  const parts = new Table({ ...plain, head: ['PART', 'READY', 'PID', 'RESTARTS'] });
  for (const part of platform.parts) {
    const ready = part.held ? 'held down' : part.ready ? 'yes' : 'no';
    parts.push([part.name, ready, part.pid ?? '-', part.restarts]);
  }
  return `${facts.toString()}\n\n${parts.toString()}`;
}

function doctorTable(checks: Check[]): string {
  const table = new Table({ ...plain, head: ['CHECK', 'OK', 'DETAIL', 'MEND'] });
  for (const { name, ok, detail, mend } of checks)
    table.push([name, ok ? 'yes' : 'NO', detail, mend ?? '']);
  return table.toString();
}
