import { Context } from '@temporalio/activity';
import { type ArtifactStore, snapshotFolder } from '../../../model/artifacts';
import type { RunHookChange } from '../../../model/change';
import type { EvidenceRef } from '../../../model/procedure';
import { redactText } from '../../../model/redact';
import { refuse } from '../errors';

const mostLines = 1_000;
const mostShown = 300;

/** Keeps what a hook wrote as evidence, secrets masked; none where the store is away, since the hook has run. */
export async function keepOutput(
  artifacts: ArtifactStore,
  { hook }: RunHookChange,
  output: string,
): Promise<EvidenceRef[]> {
  const { workflowExecution, attempt } = Context.current().info;
  const { workflowId = '', runId = '' } = workflowExecution ?? {};
  const folder = snapshotFolder({ workflowId, runId, label: `hook-${hook}` });
  try {
    return [await artifacts.put(`${folder}/attempt-${attempt}.log`, redactText(output))];
  } catch {
    return [];
  }
}

/** Lines, of which the last are kept. */
export class Tail {
  private readonly lines: string[] = [];

  add(line: string): void {
    this.lines.push(line.slice(0, 2_000));
    if (this.lines.length > mostLines) this.lines.shift();
  }

  get text(): string {
    return this.lines.map((line) => `${line}\n`).join('');
  }
}

/** A hook that failed is not repeated: what it did so far is for a person to see. */
export function hookFailed(
  { hook }: RunHookChange,
  how: string,
  output: string,
  [evidence]: EvidenceRef[] = [],
) {
  const last = redactText(output.trim().split('\n').at(-1) ?? '').slice(0, mostShown);
  const said = last ? `, saying "${last}"` : '';
  const kept = evidence ? `; its output is ${evidence.uri}` : '';
  return refuse(`the hook ${hook} ${how}${said}: mend it and heal the node again${kept}`);
}
