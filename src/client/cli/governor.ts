import type { Command } from 'commander';
import { parseDuration } from '../../model/duration';
import { type Lever, moveLever } from '../procedures/governor';
import { whoActs } from '../procedures/messages';
import { say } from '../procedures/print';
import { type SessionOptions, withSession, withSessionOptions } from '../procedures/session';

interface LeverOptions extends SessionOptions {
  by?: string;
  reason?: string;
  scope?: string;
  for?: string;
}

/** The levers of a cluster's governor: `halt` and `unhalt`, `override` and `enforce`. */
export function registerGovernorCommands(program: Command): void {
  lever(program, 'halt', 'halt', 'halted')
    .description('stop all procedures of the cluster before their next step, and begin no others')
    .requiredOption('--reason <text>', 'why');
  lever(program, 'unhalt', 'resume', 'goes on').description(
    'let the procedures of the cluster go on',
  );
  lever(program, 'override', 'override', 'goes on although much is unhealthy')
    .description('let procedures begin although more is unhealthy than the governor allows')
    .requiredOption('--reason <text>', 'why')
    .option('--scope <scope>', 'nodes, workloads, pool/<name> or zone/<name> (default: all)')
    .option('--for <duration>', 'how long, at most 24h', '1h');
  lever(program, 'enforce', 'enforce', 'no override any more').description(
    'take all overrides back before they end',
  );
}

function lever(program: Command, command: string, name: Lever, done: string): Command {
  return withSessionOptions(program.command(command))
    .option('--by <who>', 'who says so (default: $USER@host)')
    .action((options: LeverOptions) => move(name, options, done));
}

async function move(name: Lever, options: LeverOptions, done: string): Promise<void> {
  const { reason, scope } = options;
  const message = { by: whoActs(options.by), reason, scope, until: untilOf(options) };
  await withSession(options, async (session) => {
    await moveLever(session, name, message);
    say(`cluster ${session.config.cluster.name}: ${done}`);
  });
}

function untilOf({ for: duration }: LeverOptions): string | undefined {
  if (duration === undefined) return undefined;
  return new Date(Date.now() + parseDuration(duration, '--for')).toISOString();
}
