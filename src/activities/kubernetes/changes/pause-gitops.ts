import type { KubernetesObject } from '@kubernetes/client-node';
import { formatGitOpsOwner, gitOpsOwnerOf } from '../../../model/kubernetes/gitops';
import { findObject, findTarget, pathOf } from '../resources';
import { fieldsChange, pointerTo, valueAt } from './fields';

const skipReconcile = pointerTo('metadata', 'annotations', 'argocd.argoproj.io/skip-reconcile');

/** Keeps Flux or Argo CD from reconciling the target's application for the time of the procedure. */
export const pauseGitOps = fieldsChange('pause-gitops', async ({ client }, target) => {
  const object = await findTarget(client, target);
  const owner = object && gitOpsOwnerOf(object);
  if (!owner) return { declined: 'nothing applies it from Git' };
  const { kind, namespace, name } = owner;
  const application = await findObject<KubernetesObject>(client, pathOf(owner));
  const what = formatGitOpsOwner(owner);
  if (!application) return { declined: `${what} is not in this cluster, so it cannot be paused` };
  const path = kind === 'Application' ? skipReconcile : '/spec/suspend';
  const to = kind === 'Application' ? 'true' : true;
  const from = valueAt(application, path);
  if (from === to) return { declined: `${what} was paused by somebody already` };
  return {
    target: { cluster: target.cluster, kind, namespace, name },
    object: application,
    fields: [{ path, from, to }],
    summary: `pause ${what}`,
    undoSummary: `let ${what} reconcile again`,
    temporary: true,
  };
});
