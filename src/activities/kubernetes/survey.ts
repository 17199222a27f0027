import type { V1Node } from '@kubernetes/client-node';
import type { Share, Surroundings } from '../../model/governor/shares';
import { lacksPods } from '../../model/kubernetes/availability';
import {
  isOutOfService,
  labelOf,
  type NodeLabels,
  unlabelledPool,
} from '../../model/kubernetes/nodes';
import { type Workload, wantedReplicas } from '../../model/kubernetes/objects';
import { type Target, workloadKinds } from '../../model/target';
import type { KubernetesClient } from './client';
import { collectionOf } from './resources';

interface Page<T> {
  items: T[];
  metadata?: { continue?: string };
}

interface SurveyedNode {
  name: string;
  pool: string;
  zone?: string;
  unhealthy: boolean;
}

/** A storm of procedures must not list the cluster once for each. */
const rememberedForMs = 5_000;

const pageSize = 500;

/** Surveys of a cluster: of the nodes for a node, of the workloads for all else. */
export function createSurveyor(client: KubernetesClient, labels: NodeLabels) {
  const nodes = remembered(() => surveyNodes(client, labels));
  const workloads = remembered(() => surveyWorkloads(client));

  return async (target: Target): Promise<Surroundings> => {
    if (target.kind === 'Node') {
      const { at, found } = await nodes();
      return { takenAt: at, ...aroundNode(found, target.name) };
    }
    const { at, found } = await workloads();
    return { takenAt: at, shares: [found] };
  };
}

/** The target itself counts as unhealthy, since it will be out of service while it is mended. */
function aroundNode(nodes: readonly SurveyedNode[], name: string) {
  const target = nodes.find((node) => node.name === name);
  const share = (scope: string, some: readonly SurveyedNode[]): Share => ({
    scope,
    unhealthy: some.filter((node) => node.unhealthy || node === target).length,
    total: some.length,
  });
  const shares = [share('nodes', nodes)];
  if (!target) return { shares };
  const { pool, zone } = target;
  shares.push(
    share(
      `pool/${pool}`,
      nodes.filter((node) => node.pool === pool),
    ),
  );
  if (zone === undefined) return { pool, shares };
  shares.push(
    share(
      `zone/${zone}`,
      nodes.filter((node) => node.zone === zone),
    ),
  );
  return { pool, zone, shares };
}

async function surveyNodes(client: KubernetesClient, labels: NodeLabels): Promise<SurveyedNode[]> {
  const found: SurveyedNode[] = [];
  for await (const node of itemsOf<V1Node>(client, 'Node')) {
    found.push({
      name: node.metadata?.name ?? '',
      pool: labelOf(node, labels.pool) ?? unlabelledPool,
      zone: labelOf(node, labels.zone),
      unhealthy: isOutOfService(node),
    });
  }
  return found;
}

async function surveyWorkloads(client: KubernetesClient): Promise<Share> {
  const share: Share = { scope: 'workloads', unhealthy: 0, total: 0 };
  for (const kind of workloadKinds) {
    for await (const workload of itemsOf<Workload>(client, kind)) {
      if (wantedReplicas(workload) === 0) continue;
      share.total += 1;
      if (lacksPods(workload)) share.unhealthy += 1;
    }
  }
  return share;
}

/** The objects of a kind, page by page, so that a large one is never in memory as a whole. */
async function* itemsOf<T>(client: KubernetesClient, kind: string) {
  const path = collectionOf({ kind });
  let next: string | undefined;
  do {
    const page: Page<T> = await client.get(path, { limit: pageSize, continue: next });
    yield* page.items;
    next = page.metadata?.continue;
  } while (next);
}

/** Looks at most once in a while, and once for all who ask meanwhile; a failure is not remembered. */
function remembered<T>(look: () => Promise<T>): () => Promise<{ at: string; found: T }> {
  let last: { at: number; found: Promise<T> } | undefined;
  return async () => {
    if (!last || Date.now() - last.at >= rememberedForMs) {
      const mine = { at: Date.now(), found: look() };
      last = mine;
      mine.found.catch(() => {
        if (last === mine) last = undefined;
      });
    }
    const { at, found } = last;
    return { at: new Date(at).toISOString(), found: await found };
  };
}
