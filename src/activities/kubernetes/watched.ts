import type {
  KubernetesListObject,
  KubernetesObject,
  V1Node,
  V1Pod,
} from '@kubernetes/client-node';
import type { TargetView } from '../../model/kubernetes/health';
import type { Workload } from '../../model/kubernetes/objects';
import { currentOf, type RevisionObject } from '../../model/kubernetes/revisions';
import { isWorkloadKind, registryKind, type Target } from '../../model/target';
import type { KubernetesClient, Query } from './client';
import { follow } from './follow';
import {
  collectionOf,
  findTarget,
  listRevisions,
  type PodsQuery,
  podsOf,
  podsQueryOf,
} from './resources';

const budget = 'PodDisruptionBudget';
const unschedulable = { fieldSelector: 'spec.unschedulable=true' };

type Followed = 'object' | 'pods' | 'nodes';

async function cordonedNodes(client: KubernetesClient): Promise<V1Node[]> {
  const path = collectionOf({ kind: 'Node' });
  return (await client.get<KubernetesListObject<V1Node>>(path, unschedulable)).items;
}

/** A target as it is at this moment, read from the API; undefined where it is not there. */
export async function look(
  client: KubernetesClient,
  target: Target,
): Promise<TargetView | undefined> {
  const object = await findTarget(client, target);
  if (!object) return undefined;
  const view = await withPods(client, target.kind, object);
  if (!isWorkloadKind(target.kind)) return view;
  const workload = object as Workload;
  const revisions = await listRevisions(client, workload);
  return { ...view, workload, current: currentOf(workload, revisions) };
}

/** An object with its pods, and with what else belongs to the view of its kind. */
export async function withPods(
  client: KubernetesClient,
  kind: string,
  object: KubernetesObject,
): Promise<TargetView> {
  const pods = await podsOf(client, kind, object);
  return kind === budget
    ? { object, pods, cordoned: await cordonedNodes(client) }
    : { object, pods };
}

/** A target that is watched: its view is always the newest that the API server has told. */
export class WatchedTarget {
  private object: KubernetesObject | undefined;
  private pods: V1Pod[] = [];
  private cordoned: V1Node[] | undefined;
  private revisions: RevisionObject[] = [];
  private revisionsListedAt: string | undefined;
  private readonly unlisted = new Set<Followed>();
  private failure: unknown;
  private readonly stopped = new AbortController();
  /** Whether something was told that nobody was woken for yet. */
  private news = false;
  private wake: () => void = () => undefined;

  private constructor(
    private readonly client: KubernetesClient,
    private readonly target: Target,
    private readonly podsQuery: PodsQuery | undefined,
  ) {}

  /** Begins to watch; undefined where the target is not there. */
  static async begin(client: KubernetesClient, target: Target): Promise<WatchedTarget | undefined> {
    const object = await findTarget(client, target);
    if (!object) return undefined;
    const watched = new WatchedTarget(client, target, podsQueryOf(target.kind, object));
    watched.object = object;
    watched.run();
    return watched;
  }

  stop(): void {
    this.stopped.abort();
    // Else the timer of a wait that nobody awaits any more would keep the process alive.
    this.wake();
  }

  /** Whether everything was listed once, so that there is a view. */
  get ready(): boolean {
    return this.unlisted.size === 0;
  }

  /** The target as it was told last; undefined once it is gone. */
  async view(): Promise<TargetView | undefined> {
    const { object, podsQuery } = this;
    if (!object) return undefined;
    const pods = this.pods.filter((pod) => podsQuery?.isOwn(pod));
    const { cordoned } = this;
    if (!isWorkloadKind(this.target.kind)) return { object, pods, cordoned };
    const workload = object as Workload;
    return { object, workload, pods, current: await this.currentOf(workload) };
  }

  /**
   * Resolves at the next change, at once where one came since it resolved last, and at the latest
   * after so many milliseconds.
   * @throws whatever ended the watch, such as a right that was taken away.
   */
  async changed(withinMs: number): Promise<void> {
    if (!this.failure && !this.news) await this.nextChange(withinMs);
    this.news = false;
    if (this.failure) throw this.failure;
  }

  private nextChange(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.max(0, withinMs));
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Asks for the revisions anew only while the current one is not among those that are known. */
  private async currentOf(workload: Workload): Promise<RevisionObject | undefined> {
    const known = currentOf(workload, this.revisions);
    const version = workload.metadata?.resourceVersion;
    if (known || this.revisionsListedAt === version) return known;
    this.revisions = await listRevisions(this.client, workload);
    this.revisionsListedAt = version;
    return currentOf(workload, this.revisions);
  }

  private run(): void {
    if (this.target.kind !== registryKind) this.followObject();
    if (this.target.kind === budget) {
      this.follow<V1Node>('nodes', collectionOf({ kind: 'Node' }), unschedulable, (nodes) => {
        this.cordoned = nodes;
      });
    }
    if (!this.podsQuery) return;
    const { path, query } = this.podsQuery;
    this.follow<V1Pod>('pods', path, query, (pods) => {
      this.pods = pods;
    });
  }

  private followObject(): void {
    const byName = { fieldSelector: `metadata.name=${this.target.name}` };
    this.follow<KubernetesObject>('object', collectionOf(this.target), byName, ([now]) => {
      this.object = now;
    });
  }

  private follow<T extends KubernetesObject>(
    what: Followed,
    path: string,
    query: Query,
    take: (objects: T[]) => void,
  ): void {
    this.unlisted.add(what);
    const changed = (objects: T[]) => {
      take(objects);
      this.unlisted.delete(what);
      this.news = true;
      this.wake();
    };
    follow<T>(this.client, path, query, changed, this.stopped.signal).catch((error: unknown) => {
      this.failure = error;
      this.wake();
    });
  }
}
