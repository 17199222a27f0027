import type { KubernetesObject } from '@kubernetes/client-node';
import type { RunHookChange } from '../../../model/change';
import type { Hook } from '../../../model/hooks';
import type { StepResult } from '../../../model/procedure';
import type { ChangeContext } from '../changes/kind';
import { runCommand } from './command';
import { factsFor } from './facts';
import { runJob } from './job';
import { replaceMachine } from './machine';

/** Runs a hook as it is configured; a repeated attempt gives it the same key. */
export function runHookOf(
  context: ChangeContext,
  hook: Hook,
  change: RunHookChange,
  object: KubernetesObject | undefined,
): Promise<StepResult> {
  const facts = factsFor(change, object);
  if (hook.type === 'machine') return replaceMachine(context, hook, change);
  if (hook.type === 'job') return runJob(context, hook, change, facts);
  return runCommand(context, hook, change, facts);
}
