/** A kind of Kubernetes object that Homeostat knows by name. */
export interface Kind {
  /** Group and version in the API's path: `api/v1`, `apis/apps/v1`. */
  api: string;
  plural: string;
  namespaced: boolean;
  /** Names that a person may write, beside the kind and its plural; kubectl's. */
  shortNames: readonly string[];
}

const kind = (api: string, plural: string, ...shortNames: string[]): Kind => ({
  api,
  plural,
  namespaced: true,
  shortNames,
});

const clusterKind = (api: string, plural: string, ...shortNames: string[]): Kind => ({
  ...kind(api, plural, ...shortNames),
  namespaced: false,
});

/** Kinds that can be looked up; a target of any other kind is refused. */
export const kinds: Readonly<Record<string, Kind>> = {
  Pod: kind('api/v1', 'pods', 'po'),
  Node: clusterKind('api/v1', 'nodes', 'no'),
  Namespace: clusterKind('api/v1', 'namespaces', 'ns'),
  Event: kind('api/v1', 'events', 'ev'),
  PersistentVolume: clusterKind('api/v1', 'persistentvolumes', 'pv'),
  PersistentVolumeClaim: kind('api/v1', 'persistentvolumeclaims', 'pvc'),
  Deployment: kind('apis/apps/v1', 'deployments', 'deploy'),
  StatefulSet: kind('apis/apps/v1', 'statefulsets', 'sts'),
  DaemonSet: kind('apis/apps/v1', 'daemonsets', 'ds'),
  ReplicaSet: kind('apis/apps/v1', 'replicasets', 'rs'),
  ControllerRevision: kind('apis/apps/v1', 'controllerrevisions'),
  Job: kind('apis/batch/v1', 'jobs'),
  CronJob: kind('apis/batch/v1', 'cronjobs', 'cj'),
  HorizontalPodAutoscaler: kind('apis/autoscaling/v2', 'horizontalpodautoscalers', 'hpa'),
  PodDisruptionBudget: kind('apis/policy/v1', 'poddisruptionbudgets', 'pdb'),
  ResourceQuota: kind('api/v1', 'resourcequotas', 'quota'),
  StorageClass: clusterKind('apis/storage.k8s.io/v1', 'storageclasses', 'sc'),
  VolumeAttachment: clusterKind('apis/storage.k8s.io/v1', 'volumeattachments'),
  Kustomization: kind('apis/kustomize.toolkit.fluxcd.io/v1', 'kustomizations'),
  HelmRelease: kind('apis/helm.toolkit.fluxcd.io/v2', 'helmreleases'),
  Application: kind('apis/argoproj.io/v1alpha1', 'applications'),
  Certificate: kind('apis/cert-manager.io/v1', 'certificates', 'cert', 'certs'),
};

/** The path of a kind's collection, in a namespace where one is given; undefined for an unknown kind. */
export function collectionPath(name: string, namespace?: string): string | undefined {
  const known = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
  if (!known) return undefined;
  const scope = known.namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `/${known.api}${scope}/${known.plural}`;
}
