import { Command, CommanderError } from 'commander';
import { exitCodes, HomeostatError, messageOf } from '../../model/errors';
import { registerDemoCommand } from './demo';
import { registerGovernorCommands } from './governor';
import { registerHealCommand } from './heal';
import { registerPartCommands } from './parts';
import { registerPlatformCommands } from './platform';
import { registerProcedureCommands } from './procedures';

/** Every command group adds its own commands to the program. */
const groups = [
  registerHealCommand,
  registerProcedureCommands,
  registerGovernorCommands,
  registerDemoCommand,
  registerPartCommands,
  registerPlatformCommands,
];

/** Builds the `homeostat` program; `-o json` puts one document on stdout, all else goes to stderr. */
export function createProgram(): Command {
  const program = new Command('homeostat')
    .description('Durable workflows that keep Kubernetes platforms alive')
    .version('0.1.0')
    .configureOutput({ outputError: (text, write) => write(text) })
    .showSuggestionAfterError()
    .showHelpAfterError('(add --help for usage)')
    .exitOverride();
  for (const register of groups) register(program);
  return program;
}

/** Runs the CLI and sets the exit code: 0 done, 1 not successful, 2 bad input, 3 unreachable. */
export async function main(argv: string[]): Promise<void> {
  try {
    await createProgram().parseAsync(argv);
  } catch (error) {
    process.exitCode = report(error);
  }
}

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodes['bad-input'];
  if (error instanceof HomeostatError) {
    process.stderr.write(`homeostat: ${error.message}\n`);
    return exitCodes[error.code];
  }
  process.stderr.write(`homeostat: unexpected: ${messageOf(error)}\n`);
  if (error instanceof Error && process.env.HOMEOSTAT_DEBUG)
    process.stderr.write(`${error.stack}\n`);
  return exitCodes.failed;
}
