import type { Change, ChangeKind, ChangeRequest, PlannedChange } from '../../../model/change';
import type { Declined, StepResult } from '../../../model/procedure';
import { addReplica } from './add-replica';
import { collectEvicted } from './collect-evicted';
import { cordon } from './cordon';
import { drain } from './drain';
import { evictPods } from './evict-pods';
import { forceDelete } from './force-delete';
import type { ChangeContext, ChangeOfKind } from './kind';
import { outOfService } from './out-of-service';
import { pauseGitOps } from './pause-gitops';
import { raiseMaxReplicas } from './raise-max-replicas';
import { raiseMemory } from './raise-memory';
import { recreateJob } from './recreate-job';
import { relaxBudget } from './relax-budget';
import { removeFinalizers } from './remove-finalizers';
import { replacePod } from './replace-pod';
import { replaceUnready } from './replace-unready';
import { restart } from './restart';
import { rollback } from './rollback';
import { runHook } from './run-hook';
import { uncordon } from './uncordon';

/** Every kind of change, by its name. */
const kinds: { [K in ChangeKind]: ChangeOfKind<K> } = {
  rollback,
  restart,
  'replace-pod': replacePod,
  'recreate-job': recreateJob,
  'replace-unready': replaceUnready,
  uncordon,
  'raise-max-replicas': raiseMaxReplicas,
  'raise-memory': raiseMemory,
  cordon,
  'add-replica': addReplica,
  'pause-gitops': pauseGitOps,
  'relax-budget': relaxBudget,
  'force-delete': forceDelete,
  'remove-finalizers': removeFinalizers,
  'collect-evicted': collectEvicted,
  drain,
  'evict-pods': evictPods,
  'out-of-service': outOfService,
  'run-hook': runHook,
};

/** The kind's own functions; the name and the change always belong together. */
const kindOf = ({ kind }: { kind: ChangeKind }) =>
  kinds[kind] as unknown as ChangeOfKind<ChangeKind>;

/** Works a change out without making it, or says why it does not apply. */
export function planChange(
  context: ChangeContext,
  request: ChangeRequest,
): Promise<PlannedChange | Declined> {
  return kindOf(request).plan(context, request as never);
}

/** Makes a change, once however often it is asked to. */
export function makeChange(context: ChangeContext, change: Change): Promise<StepResult> {
  return kindOf(change).make(context, change);
}

/** Takes a change back, where it is still in place. */
export function revertChange(context: ChangeContext, change: Change): Promise<StepResult> {
  return kindOf(change).revert(context, change);
}
