import Table from 'cli-table3';
import { type Command, Option } from 'commander';
import { formatDuration } from '../../model/duration';
import { exitCodes } from '../../model/errors';
import { loadKubeConfig } from '../../service/kubeconfig';
import { type DemoResult, runDemo } from '../demo/demo';
import { Shop } from '../demo/shop';
import { ensureUp, readPlatform, showProgress, takeDown } from '../platform';
import { withSession } from '../procedures/session';

interface DemoOptions {
  name: string;
  keep?: boolean;
  output: 'table' | 'json';
}

/** `demo`: break a shop and watch it heal; exit code 0 only when requests to the shop prove every fault healed. */
export function registerDemoCommand(program: Command): void {
  program
    .command('demo')
    .description('break it, watch it heal')
    .option('--keep', 'leave the platform and the shop running')
    .option('--name <name>', 'name of the platform', 'default')
    .addOption(
      new Option('-o, --output <format>', 'format').choices(['table', 'json']).default('table'),
    )
    .action(async (options: DemoOptions) => {
      const result = await demonstrate(options);
      process.stdout.write(
        options.output === 'json' ? `${JSON.stringify(result, undefined, 2)}\n` : tableOf(result),
      );
      process.exitCode = result.ok ? 0 : exitCodes.failed;
    });
}

async function demonstrate({ name, keep }: DemoOptions): Promise<DemoResult> {
  const wasUp = readPlatform(name) !== undefined;
  const { progress, finish } = showProgress();
  try {
    const platform = await ensureUp({ name, progress });
    progress('deploying the shop: web, api, worker');
    return await withSession({ name }, async (session) => {
      const shop = new Shop(loadKubeConfig(session.config), platform.name);
      await shop.deploy();
      finish(true);
      const say = (line: string) => void process.stderr.write(`homeostat: ${line}\n`);
      return runDemo({ session, platform, shop, say });
    });
  } finally {
    finish(false);
    if (!keep && !wasUp) await takeDown(name);
  }
}

function tableOf({ faults, ok }: DemoResult): string {
  const table = new Table({
    head: ['fault', 'seen after', 'healed after', 'what was done', 'verified', 'Temporal UI'],
    style: { head: [], border: [] },
  });
  for (const fault of faults) {
    table.push([
      fault.name,
      time(fault.seenAfterMs),
      time(fault.healedAfterMs),
      fault.actions.join(', ') || '-',
      fault.verified ? 'yes' : `no: ${fault.problem}`,
      fault.url ?? '-',
    ]);
  }
  const verdict = ok
    ? 'Every fault was healed, and the shop answers with the good version.'
    : 'Not every fault was healed.';
  return `${table.toString()}\n${verdict}\n`;
}

const time = (milliseconds: number | null) =>
  milliseconds === null ? '-' : formatDuration(milliseconds);
