import type { KubernetesObject, V1Node } from '@kubernetes/client-node';
import { Context } from '@temporalio/activity';
import type { RunHookChange } from '../../../model/change';
import { targetKey } from '../../../model/target';
import { workflowId } from '../attend';

/** What a hook is told, as environment variables. */
export function factsFor(
  change: RunHookChange,
  object: KubernetesObject | undefined,
): Record<string, string> {
  const { target, hook, key } = change;
  return {
    HOMEOSTAT_HOOK: hook,
    HOMEOSTAT_KEY: key,
    HOMEOSTAT_ATTEMPT: String(Context.current().info.attempt),
    HOMEOSTAT_PROCEDURE: workflowId(),
    HOMEOSTAT_TARGET: targetKey(target),
    ...(target.kind === 'Node' && nodeFacts(change, object as V1Node | undefined)),
  };
}

/** By the time of a second attempt the node may be gone. */
function nodeFacts({ target, uid }: RunHookChange, node: V1Node | undefined) {
  const address = node?.status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
  return {
    NODE_NAME: target.name,
    NODE_UID: uid,
    NODE_PROVIDER_ID: node?.spec?.providerID ?? '',
    NODE_ADDRESS: address ?? '',
  };
}
