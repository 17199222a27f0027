import type { Command } from 'commander';
import { moveHaltLever } from '../procedures/governor';
import { whoActs } from '../procedures/messages';
import { say } from '../procedures/print';
import { type SessionOptions, withSession, withSessionOptions } from '../procedures/session';

type LeverOptions = SessionOptions & { by?: string; reason?: string };

/** `halt` and `unhalt`: the lever that stops all procedures of a cluster. */
export function registerGovernorCommands(program: Command): void {
  withSessionOptions(program.command('halt'))
    .description('stop all procedures of the cluster before their next step, and begin no others')
    .requiredOption('--reason <text>', 'why')
    .option('--by <who>', 'who says so (default: $USER@host)')
    .action((options: LeverOptions) => move(options, 'halted'));
  withSessionOptions(program.command('unhalt'))
    .description('let the procedures of the cluster go on')
    .option('--by <who>', 'who says so (default: $USER@host)')
    .action((options: LeverOptions) => move(options, 'goes on'));
}

async function move(options: LeverOptions, done: string): Promise<void> {
  const by = whoActs(options.by);
  const { reason } = options;
  await withSession(options, async (session) => {
    await moveHaltLever(session, { by, ...(reason !== undefined && { reason }) });
    say(`cluster ${session.config.cluster.name}: ${done}`);
  });
}
