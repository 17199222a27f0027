import { Context } from '@temporalio/activity';
import { execa } from 'execa';
import type { RunHookChange } from '../../../model/change';
import { formatDuration } from '../../../model/duration';
import type { CommandHook } from '../../../model/hooks';
import type { StepResult } from '../../../model/procedure';
import type { ChangeContext } from '../changes/kind';
import { hookFailed, keepOutput, Tail } from './output';

const killAfterMs = 10_000;

/**
 * Runs a hook's command, without a shell, with a bare environment. A worker that dies in the middle
 * leaves it to the next attempt to run it again with the same key: at least once, so it must bear that.
 */
export async function runCommand(
  { artifacts }: ChangeContext,
  hook: CommandHook,
  change: RunHookChange,
  facts: Record<string, string>,
): Promise<StepResult> {
  const [program, ...args] = hook.command.map((part) => filledIn(part, facts));
  const tail = new Tail();
  const command = execa(program as string, args, {
    env: { ...allowed(hook.environment), ...facts },
    extendEnv: false,
    stdin: 'ignore',
    all: true,
    buffer: false,
    reject: false,
    timeout: hook.timeoutMs,
    forceKillAfterDelay: killAfterMs,
    cancelSignal: Context.current().cancellationSignal,
  });
  const reading = readLines(command.iterable({ from: 'all' }), tail);
  const end = await command;
  await reading;
  const evidence = await keepOutput(artifacts, change, tail.text);
  if (!end.failed) {
    return {
      result: 'changed',
      detail: `the command ${hook.command[0]} ended well`,
      evidence,
    };
  }
  Context.current().cancellationSignal.throwIfAborted();
  throw hookFailed(change, endOf(end, hook), tail.text, evidence);
}

async function readLines(lines: AsyncIterable<unknown>, tail: Tail): Promise<void> {
  try {
    for await (const line of lines) tail.add(String(line));
  } catch {
    // How the command ended is told by its own promise.
  }
}

interface End {
  timedOut: boolean;
  exitCode?: number;
  signal?: string;
  code?: string;
}

function endOf({ timedOut, exitCode, signal, code }: End, { timeoutMs }: CommandHook): string {
  if (timedOut) return `did not end within ${formatDuration(timeoutMs)}`;
  if (exitCode !== undefined) return `ended with exit code ${exitCode}`;
  return signal ? `was ended by ${signal}` : `could not be started (${code})`;
}

function filledIn(part: string, { NODE_NAME = '', NODE_PROVIDER_ID = '' }: Record<string, string>) {
  return part.replaceAll('{node}', NODE_NAME).replaceAll('{providerId}', NODE_PROVIDER_ID);
}

function allowed(names: string[]): Record<string, string> {
  const known = names.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value]];
  });
  return Object.fromEntries(known);
}
