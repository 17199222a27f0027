import { readFile } from 'node:fs/promises';
import {
  ApiException,
  type KubeConfig,
  type KubernetesObject,
  KubernetesObjectApi,
  PatchStrategy,
} from '@kubernetes/client-node';
import { parseAllDocuments } from 'yaml';

/** The label of everything that `up` put into a cluster, so that `down` takes back just that. */
const ownerLabel = 'homeostat.dev/platform';
const fieldManager = 'homeostat-up';

/** The objects of a YAML file; `values` are put in for words that stand in it. */
export async function readManifest(
  file: string,
  values: Record<string, string> = {},
): Promise<KubernetesObject[]> {
  let text = await readFile(file, 'utf8');
  for (const [word, value] of Object.entries(values)) text = text.replaceAll(word, value);
  return parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject);
}

/** Applies objects in their order; those that someone else made are left as they are. */
export async function applyAll(
  config: KubeConfig,
  objects: KubernetesObject[],
  platform: string,
): Promise<void> {
  const api = KubernetesObjectApi.makeApiClient(config);
  for (const object of objects) {
    const present = await find(api, object);
    if (present && present.metadata?.labels?.[ownerLabel] !== platform) continue;
    const labels = { ...object.metadata?.labels, [ownerLabel]: platform };
    const ours = { ...object, metadata: Object.assign({}, object.metadata, { labels }) };
    await api.patch(ours, undefined, undefined, fieldManager, true, PatchStrategy.ServerSideApply);
  }
}

/** Deletes those of the objects that `applyAll` made, last first. */
export async function deleteOurs(
  config: KubeConfig,
  objects: KubernetesObject[],
  platform: string,
): Promise<void> {
  const api = KubernetesObjectApi.makeApiClient(config);
  for (const object of [...objects].reverse()) {
    const present = await find(api, object);
    if (present?.metadata?.labels?.[ownerLabel] === platform) await api.delete(object);
  }
}

async function find(
  api: KubernetesObjectApi,
  object: KubernetesObject,
): Promise<KubernetesObject | undefined> {
  try {
    return await api.read({
      apiVersion: object.apiVersion ?? '',
      kind: object.kind ?? '',
      metadata: { name: object.metadata?.name ?? '', namespace: object.metadata?.namespace },
    });
  } catch (error) {
    if (error instanceof ApiException && error.code === 404) return undefined;
    throw error;
  }
}
