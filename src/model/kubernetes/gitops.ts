import type { KubernetesObject } from '@kubernetes/client-node';

/** Who applies an object from Git, and would take a change of its manifest back. */
export interface GitOpsOwner {
  tool: 'Flux' | 'Argo CD';
  kind: 'Kustomization' | 'HelmRelease' | 'Application';
  namespace: string;
  name: string;
}

const argoManagers = ['argocd-controller', 'argocd-application-controller'];
const argoNamespace = 'argocd';

/** The GitOps owner of an object, by the marks that Flux and Argo CD leave; undefined where it has none. */
export function gitOpsOwnerOf(object: KubernetesObject): GitOpsOwner | undefined {
  return (
    fluxOwner(object, 'kustomize', 'Kustomization') ??
    fluxOwner(object, 'helm', 'HelmRelease') ??
    trackedByArgo(object) ??
    appliedByArgo(object)
  );
}

function fluxOwner(
  { metadata }: KubernetesObject,
  api: 'kustomize' | 'helm',
  kind: GitOpsOwner['kind'],
): GitOpsOwner | undefined {
  const name = metadata?.labels?.[`${api}.toolkit.fluxcd.io/name`];
  const namespace = metadata?.labels?.[`${api}.toolkit.fluxcd.io/namespace`];
  return name && namespace ? { tool: 'Flux', kind, namespace, name } : undefined;
}

/** `app:group/Kind:namespace/name`; on another object than it names it was copied, and Argo CD ignores it. */
function trackedByArgo({ metadata }: KubernetesObject): GitOpsOwner | undefined {
  const id = metadata?.annotations?.['argocd.argoproj.io/tracking-id'];
  const [app, , object] = id?.split(':') ?? [];
  if (!app || object?.split('/').at(-1) !== metadata?.name) return undefined;
  return application(app);
}

/** By a label that Helm uses too, so that only Argo CD's own writes make it count. */
function appliedByArgo({ metadata }: KubernetesObject): GitOpsOwner | undefined {
  const byArgo = metadata?.managedFields?.some(({ manager = '' }) =>
    argoManagers.includes(manager),
  );
  const app = metadata?.labels?.['app.kubernetes.io/instance'];
  return byArgo && app ? application(app) : undefined;
}

/** An application outside of Argo CD's own namespace is written `namespace_name`. */
function application(written: string): GitOpsOwner {
  const [name = '', namespace = argoNamespace] = written.split('_').reverse();
  return { tool: 'Argo CD', kind: 'Application', namespace, name };
}

/** `Flux Kustomization apps/shop`, for people. */
export function formatGitOpsOwner({ tool, kind, namespace, name }: GitOpsOwner): string {
  return `${tool} ${kind} ${namespace}/${name}`;
}
