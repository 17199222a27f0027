import type { ChangeResult, WorkloadChange } from '../../model/healing';
import type { KubernetesClient } from './client';
import { makeReplacement, revertReplacement } from './replace-pod';
import { makeRestart, revertRestart } from './restart';
import { makeRollback, revertRollback } from './rollback';

export function makeChange(
  client: KubernetesClient,
  change: WorkloadChange,
): Promise<ChangeResult> {
  switch (change.kind) {
    case 'rollback':
      return makeRollback(client, change);
    case 'restart':
      return makeRestart(client, change);
    case 'replace-pod':
      return makeReplacement(client, change);
  }
}

export function revertChange(
  client: KubernetesClient,
  change: WorkloadChange,
): Promise<ChangeResult> {
  switch (change.kind) {
    case 'rollback':
      return revertRollback(client, change);
    case 'restart':
      return revertRestart(client, change);
    case 'replace-pod':
      return revertReplacement(client, change);
  }
}
