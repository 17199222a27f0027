import { type Client, type WorkflowHandle, WorkflowNotFoundError } from '@temporalio/client';
import type { ProcedureRecord } from '../../src/model/procedure';
import { healWorkflowId, type Target } from '../../src/model/target';
import type { Workloads } from './workloads';

type Handle = WorkflowHandle<() => Promise<ProcedureRecord>>;

/** The healings of one cluster, as a test asks for them. */
export class Healings {
  constructor(
    private readonly client: Client,
    private readonly cluster: string,
  ) {}

  handle(target: Omit<Target, 'cluster'>, symptom: string): Handle {
    const { cluster, client } = this;
    return client.workflow.getHandle(healWorkflowId({ cluster, ...target }, symptom));
  }

  /** The healing, once it was started. */
  async started(
    workloads: Pick<Workloads, 'until'>,
    target: Omit<Target, 'cluster'>,
    symptom: string,
  ): Promise<Handle> {
    const handle = this.handle(target, symptom);
    await workloads.until(() => isStarted(handle));
    return handle;
  }

  exists(target: Omit<Target, 'cluster'>, symptom: string): Promise<boolean> {
    return isStarted(this.handle(target, symptom));
  }
}

/** Whether there is, or was, a run of a procedure. */
export async function isStarted(handle: WorkflowHandle): Promise<boolean> {
  try {
    await handle.describe();
    return true;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw error;
  }
}

/** Names of the rungs that changed something. */
export function rungsOf({ ledger }: ProcedureRecord): string[] {
  return ledger.flatMap(({ changed, name }) => (changed ? [name] : []));
}
