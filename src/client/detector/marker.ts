import {
  AppsV1Api,
  type KubeConfig,
  PatchStrategy,
  setHeaderOptions,
} from '@kubernetes/client-node';
import { messageOf } from '../../model/errors';
import { availableMark, faultyMark } from '../../model/kubernetes/owners';
import {
  deservesAvailableMark,
  markFor,
  marksOf,
  type RevisionObject,
} from '../../model/kubernetes/revisions';
import type { Logger } from '../../service/log';
import type { DetectorMetrics } from './metrics';
import type { WorkloadView } from './view';

/** Whether the newest mark of a revision says that it works, or that it fails, or nothing. */
export function verdictOf(revision: RevisionObject): 'available' | 'faulty' | undefined {
  const { availableAt, faultyAt } = marksOf(revision);
  if (!availableAt) return faultyAt ? 'faulty' : undefined;
  return faultyAt && Date.parse(faultyAt) >= Date.parse(availableAt) ? 'faulty' : 'available';
}

/** The revision that is to be marked as one that works: the current one, once it does and unless it is marked. */
export function deservingRevision(view: WorkloadView, now: number): RevisionObject | undefined {
  const { workload, current, pods } = view;
  if (!workload || !current || verdictOf(current) === 'available') return undefined;
  return deservesAvailableMark(workload, current, pods, now) ? current : undefined;
}

/** Leaves on revisions whether they worked and failed last, so that an undo knows where to go back to. */
export class Marker {
  private readonly api: AppsV1Api;
  private readonly inFlight = new Set<string>();

  constructor(
    kubeConfig: KubeConfig,
    private readonly metrics: DetectorMetrics,
    private readonly log: Logger,
  ) {
    this.api = kubeConfig.makeApiClient(AppsV1Api);
  }

  /** Marks the current revision as one that works, where it deserves it. */
  async markAvailable(view: WorkloadView): Promise<void> {
    const revision = deservingRevision(view, Date.now());
    if (revision) await this.mark(revision, 'available');
  }

  /** Marks a revision that was found failing. */
  async markFaulty(revision: RevisionObject): Promise<void> {
    if (verdictOf(revision) !== 'faulty') await this.mark(revision, 'faulty');
  }

  private async mark(revision: RevisionObject, verdict: 'available' | 'faulty'): Promise<void> {
    const uid = revision.metadata?.uid ?? '';
    if (this.inFlight.has(uid)) return;
    this.inFlight.add(uid);
    const key = verdict === 'available' ? availableMark : faultyMark;
    const annotations = markFor(revision, key, new Date().toISOString());
    try {
      await this.patch(revision, annotations);
      // The watch will tell so in a moment; until then nothing must be marked twice.
      Object.assign((revision.metadata ??= {}), {
        annotations: { ...revision.metadata.annotations, ...annotations },
      });
      this.metrics.marks.inc({ mark: verdict, result: 'written' });
    } catch (error) {
      // The next look at the workload tries again.
      this.metrics.marks.inc({ mark: verdict, result: 'failed' });
      this.log.warn(
        { revision: revision.metadata?.name, error: messageOf(error) },
        'mark not written',
      );
    } finally {
      this.inFlight.delete(uid);
    }
  }

  private async patch(
    { kind, metadata }: RevisionObject,
    annotations: Record<string, string>,
  ): Promise<void> {
    const request = {
      name: metadata?.name ?? '',
      namespace: metadata?.namespace ?? '',
      body: { metadata: { annotations } },
      fieldManager: 'homeostat',
    };
    const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch);
    if (kind === 'ReplicaSet') await this.api.patchNamespacedReplicaSet(request, merge);
    else await this.api.patchNamespacedControllerRevision(request, merge);
  }
}
