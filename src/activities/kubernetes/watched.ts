import type { V1Pod } from '@kubernetes/client-node';
import type { TargetView } from '../../model/kubernetes/health';
import type { Workload } from '../../model/kubernetes/objects';
import { currentOf, type RevisionObject } from '../../model/kubernetes/revisions';
import { isWorkloadKind, type Target } from '../../model/target';
import type { KubernetesClient } from './client';
import { follow } from './follow';
import {
  belongsTo,
  collectionOf,
  findObject,
  listPods,
  listRevisions,
  pathOfChangeable,
  podsPath,
  selectorOf,
} from './resources';

/** A target as it is at this moment, read from the API; undefined where it is not there. */
export async function look(
  client: KubernetesClient,
  target: Target,
): Promise<TargetView | undefined> {
  const object = await findObject<Workload | V1Pod>(client, pathOfChangeable(target));
  if (!object || !isWorkloadKind(target.kind)) return object && { pods: [object as V1Pod] };
  const workload = object as Workload;
  const [revisions, pods] = await Promise.all([
    listRevisions(client, workload),
    listPods(client, workload),
  ]);
  return { workload, pods, current: currentOf(workload, revisions) };
}

/** A target that is watched: its view is always the newest that the API server has told. */
export class WatchedTarget {
  private workload: Workload | undefined;
  private pods: V1Pod[] | undefined;
  private revisions: RevisionObject[] = [];
  private revisionsListedAt: string | undefined;
  private listed = { workload: false, pods: false };
  private failure: unknown;
  private readonly stopped = new AbortController();
  /** Whether something was told that nobody was woken for yet. */
  private news = false;
  private wake: () => void = () => undefined;

  private constructor(
    private readonly client: KubernetesClient,
    private readonly target: Target,
  ) {}

  /** Begins to watch; undefined where the target is not there. */
  static async begin(client: KubernetesClient, target: Target): Promise<WatchedTarget | undefined> {
    const object = await findObject<Workload | V1Pod>(client, pathOfChangeable(target));
    if (!object) return undefined;
    const watched = new WatchedTarget(client, target);
    watched.run(isWorkloadKind(target.kind) ? (object as Workload) : undefined);
    return watched;
  }

  stop(): void {
    this.stopped.abort();
    // Else the timer of a wait that nobody awaits any more would keep the process alive.
    this.wake();
  }

  /** Whether everything was listed once, so that there is a view. */
  get ready(): boolean {
    return this.listed.workload && this.listed.pods;
  }

  /** The target as it was told last; undefined once it is gone. */
  async view(): Promise<TargetView | undefined> {
    const { pods = [] } = this;
    if (!isWorkloadKind(this.target.kind)) return pods.length > 0 ? { pods } : undefined;
    const { workload } = this;
    if (!workload) return undefined;
    return {
      workload,
      pods: pods.filter((pod) => belongsTo(pod, workload)),
      current: await this.currentOf(workload),
    };
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

  private run(workload: Workload | undefined): void {
    const byName = { fieldSelector: `metadata.name=${this.target.name}` };
    if (!workload) {
      this.listed.workload = true;
      this.followPods(byName);
      return;
    }
    this.follow<Workload>(collectionOf(this.target) ?? '', byName, ([now]) => {
      this.workload = now;
      this.listed.workload = true;
    });
    this.followPods({ labelSelector: selectorOf(workload) });
  }

  private followPods(query: { fieldSelector?: string; labelSelector?: string }): void {
    this.follow<V1Pod>(podsPath(this.target.namespace), query, (pods) => {
      this.pods = pods;
      this.listed.pods = true;
    });
  }

  private follow<T extends Workload | V1Pod>(
    path: string,
    query: Record<string, string | undefined>,
    take: (objects: T[]) => void,
  ): void {
    const changed = (objects: T[]) => {
      take(objects);
      this.news = true;
      this.wake();
    };
    follow<T>(this.client, path, query, changed, this.stopped.signal).catch((error: unknown) => {
      this.failure = error;
      this.wake();
    });
  }
}
