import type { CoreV1Event, V1Node, V1Pod } from '@kubernetes/client-node';
import { LRUCache } from 'lru-cache';
import type { DetectionSettings } from '../../model/healing';
import { cordonedAt } from '../../model/kubernetes/faults/budgets';
import { failingRegistries } from '../../model/kubernetes/faults/containers';
import { isNodeReady } from '../../model/kubernetes/node-state';
import { isoOf, restartsOf } from '../../model/kubernetes/objects';
import { isIgnored } from '../../model/kubernetes/owners';
import { isOfRevision } from '../../model/kubernetes/revisions';
import { isWorkloadKind, type Target, targetKey } from '../../model/target';
import { findingOn, type Runbook } from '../../workflows/healing/runbook';
import { undoRollout } from '../../workflows/healing/rungs';
import type { Report } from '../incidents';
import { type Cache, objectKey } from './cache';
import { causeOf, downSymptoms, type Outside, registryTarget } from './correlation';
import type { Marker } from './marker';
import type { DetectorMetrics } from './metrics';
import { targetOf } from './owners';
import { ReadyLosses } from './ready-losses';
import { Registries } from './registries';
import type { Reporter } from './reporter';
import { isTargetKind, type RawObject, type WatchedKind } from './resources';
import type { Sighting, Tracker } from './tracker';
import { cordonedNodes, healthOf, viewOf, type WorkloadView } from './view';

export interface DetectorOptions {
  cluster: string;
  runbooks: readonly Runbook[];
  settings: DetectionSettings;
  /** Healthy without a break for so long counts as recovered. */
  soakMs: number;
  cache: Cache;
  tracker: Tracker;
  reporter: Pick<Reporter, 'add' | 'forget'>;
  marker: Pick<Marker, 'markAvailable' | 'markFaulty'>;
  metrics: DetectorMetrics;
}

/** A revision that crashed may earn its mark back though nothing changes any more. */
const remarkMs = 60_000;

/** `setTimeout` cannot wait longer. */
const longestTimerMs = 2 ** 31 - 1;

/** Turns what is seen of the cluster into looks, reports and marks. */
export class Detector {
  private live = false;
  private readonly timers = new Map<string, NodeJS.Timeout>();
  /** By target, since when it has been healthy while an incident is open. */
  private readonly healthySince = new Map<string, number>();
  private readonly registries = new Registries();
  private readonly readyLosses = new ReadyLosses();
  /** By name, the nodes that are down, and whether their incident is due. */
  private readonly downNodes = new Map<string, { symptom: string; due: boolean }>();
  /** By uid of the object, the latest warning about it. */
  private readonly warnings = new LRUCache<string, string>({ max: 2_000 });

  private readonly outside: Outside;

  constructor(private readonly options: DetectorOptions) {
    this.outside = {
      cluster: options.cluster,
      isRegistryAway: (host) => this.registries.outageOf(host) !== undefined,
      nodeSymptom: (node) => this.downNodes.get(node)?.symptom,
    };
  }

  /** Begins to judge: every owner is known now. */
  start(): void {
    this.live = true;
    this.lookAtAll();
  }

  stop(): void {
    this.live = false;
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
  }

  /** Takes a whole list of a kind; what is not in it is gone, and all of it is looked at. */
  listed(kind: WatchedKind, namespace: string | undefined, objects: RawObject[]): void {
    const { cache } = this.options;
    const present = new Set(objects.map(objectKey));
    for (const known of cache.all(kind)) {
      const inScope = !namespace || known.metadata.namespace === namespace;
      if (inScope && !present.has(objectKey(known))) this.deleted(known);
    }
    for (const object of objects) this.take(object);
    for (const object of objects) this.look(object);
  }

  /** Takes an object that was added or modified just now. */
  changed(object: RawObject): void {
    const before = this.options.cache.get(objectKey(object));
    this.take(object);
    this.look(object, Date.now(), before);
    this.lookAtNodeOf(object);
  }

  /** Takes what the API still tells of nodes that were lost before anybody watched. */
  recall(losses: CoreV1Event[]): void {
    this.readyLosses.recall(losses);
  }

  deleted(object: RawObject): void {
    const { cache, tracker, reporter } = this.options;
    const key = objectKey(object);
    const target = targetOf(object, cache, this.options.cluster);
    cache.remove(key);
    reporter.forget(key);
    this.clearTimer(key);
    this.noteRegistries(object, []);
    this.lettingLead(target, () => tracker.forget(key));
    if (object.kind === 'Node') this.downNodes.delete(object.metadata.name ?? '');
    if (target) this.considerTarget(target);
    this.lookAtNodeOf(object);
  }

  /** Takes over healings that run already. */
  seed(incidents: { target: Target; symptom: string }[]): void {
    for (const { target, symptom } of incidents) this.options.tracker.seed(target, symptom);
    for (const { target } of incidents) this.considerTarget(target);
  }

  private take(object: RawObject): void {
    if (object.kind === 'Event') return this.noteWarning(object);
    if (object.kind === 'Node') this.readyLosses.take(object);
    this.options.cache.put(object);
  }

  private noteWarning({ involvedObject, reason, message }: RawObject): void {
    const { uid } = (involvedObject ?? {}) as { uid?: string };
    if (uid) this.warnings.set(uid, `${String(reason)}: ${String(message)}`.slice(0, 300));
  }

  private lookAtAll(namespace?: string): void {
    const objects = this.options.cache
      .all()
      .filter(({ metadata }) => !namespace || metadata.namespace === namespace);
    // What explains others is looked at before them.
    for (const pod of objects.filter(isPod)) this.noteRegistries(pod);
    for (const node of objects.filter(isNode)) this.look(node);
    for (const pod of objects.filter(isPod)) this.look(pod);
    for (const object of objects.filter((one) => !isPod(one) && !isNode(one))) this.look(object);
  }

  private lookAgain(key: string): void {
    const object = this.options.cache.get(key);
    if (object) this.look(object);
  }

  private look(object: RawObject, seenAt?: number, before?: RawObject): void {
    if (!this.live) return;
    const { kind = '' } = object;
    if (isTargetKind(kind)) this.lookAt(object, seenAt);
    if (kind === 'Namespace' && before && isIgnored(before) !== isIgnored(object)) {
      this.lookAtAll(object.metadata.name);
    }
    if (!before && (kind === 'ReplicaSet' || isWorkloadKind(kind)))
      this.lookAtChildren(object, seenAt);
    if (kind === 'Node' && cordonedAt(object) !== (before && cordonedAt(before))) {
      for (const budget of this.options.cache.all('PodDisruptionBudget')) this.look(budget);
    }
    // A later success may make a failed Job a thing of the past.
    if (kind === 'CronJob') this.lookAtChildren(object);
    if (kind === 'ReplicaSet' || kind === 'ControllerRevision') this.considerOwner(object);
  }

  /** Pods that were seen before their owner could not be judged until now. */
  private lookAtChildren(owner: RawObject, seenAt?: number): void {
    for (const child of this.options.cache.childrenOf(owner.metadata.uid)) this.look(child, seenAt);
  }

  private considerOwner(object: RawObject): void {
    const target = targetOf(object, this.options.cache, this.options.cluster);
    if (target) this.considerTarget(target);
  }

  private lookAt(object: RawObject, seenAt?: number): void {
    const { cache, cluster, tracker } = this.options;
    const target = targetOf(object, cache, cluster);
    if (!target) return;
    const key = objectKey(object);
    this.noteRegistries(object);
    const sightings = this.isLeftAlone(object, target) ? [] : this.sightingsOf(object, target);
    const now = Date.now();
    // The symptoms of a node do not explain one another.
    const led = isNode(object) ? undefined : target;
    const { reports, again } = this.lettingLead(led, () =>
      tracker.look({ object: key, episode: episodeOf(object), sightings, seenAt }, now),
    );
    for (const report of reports) {
      const message = this.explain(object, report.observation.message);
      this.report({ ...report, observation: { ...report.observation, message } });
      if (this.isBlamedOnRevision(report)) this.markFaulty(object, target);
    }
    this.setTimer(key, again === undefined ? undefined : again - now, () => this.lookAgain(key));
    if (object.kind === 'Node') this.noteDown(object.metadata.name ?? '', sightings, now);
    this.considerTarget(target);
  }

  /** Notes whether a node is down; when that changes, the troubles of its pods are judged anew. */
  private noteDown(node: string, sightings: Sighting[], now: number): void {
    const down = sightings
      .filter(({ symptom }) => downSymptoms.includes(symptom))
      .map(({ symptom, finding }) => ({ symptom, due: Date.parse(finding.due) <= now }))
      .sort((one, other) => Number(other.due) - Number(one.due))[0];
    const before = this.downNodes.get(node);
    if (before?.symptom === down?.symptom && before?.due === down?.due) return;
    if (down) this.downNodes.set(node, down);
    else this.downNodes.delete(node);
    for (const pod of this.options.cache.podsOn(node)) this.lookAgain(objectKey(pod));
  }

  /** What becomes of the pods of a node that is down may be a symptom of the node. */
  private lookAtNodeOf(object: RawObject): void {
    const node = isPod(object) ? object.spec?.nodeName : undefined;
    if (node && this.downNodes.has(node)) this.lookAgain(`Node/${node}`);
  }

  private report(report: Report): void {
    this.options.metrics.findings.inc({ symptom: report.symptom });
    this.options.reporter.add(report);
  }

  /** Does what may change which symptom of a target is told, and looks again at what had to stand back. */
  private lettingLead<T>(target: Target | undefined, work: () => T): T {
    const { tracker } = this.options;
    const before = target && tracker.leading(target);
    const result = work();
    if (target && tracker.leading(target) !== before) {
      for (const key of tracker.brokenOf(target)) this.lookAgain(key);
    }
    return result;
  }

  /** Notes which registries a pod waits for; with one that goes away or comes back, its pods are judged anew. */
  private noteRegistries(
    object: RawObject,
    hosts = isPod(object) ? failingRegistries(object) : [],
  ) {
    const { namespace = '' } = object.metadata;
    const turned = this.registries.take(objectKey(object), namespace, hosts, Date.now());
    for (const host of turned) this.lookAtRegistry(host);
  }

  private lookAtRegistry(host: string): void {
    const { cluster, tracker } = this.options;
    const target = registryTarget(cluster, host);
    const pods = this.registries.podsOf(host);
    const finding = this.registries.outageOf(host);
    const sightings = finding ? [{ symptom: 'registry-unreachable', target, finding }] : [];
    const object = `Registry/${host}`;
    const { reports } = tracker.look(
      { object, episode: finding?.since ?? '', sightings },
      Date.now(),
    );
    for (const report of reports) this.report(report);
    for (const pod of pods) this.lookAgain(pod);
    this.considerTarget(target);
  }

  private isLeftAlone(object: RawObject, target: Target): boolean {
    const { cache } = this.options;
    const namespace = cache.find('Namespace', undefined, object.metadata.namespace ?? '');
    const owner = cache.find(target.kind, target.namespace, target.name);
    return isIgnored(object, namespace) || (owner !== undefined && isIgnored(owner));
  }

  private sightingsOf(object: RawObject, target: Target): Sighting[] {
    const { cache, runbooks, settings } = this.options;
    const around = {
      target: () => cache.find(target.kind, target.namespace, target.name),
      pods: () => viewOf(target, cache)?.pods ?? [],
      cordoned: () => cordonedNodes(cache),
      readyLosses: () => this.readyLosses.of(target.name),
    };
    return runbooks.flatMap((runbook) => {
      const finding = findingOn(runbook, object.kind ?? '', object, settings, around);
      if (!finding) return [];
      const { symptom } = runbook;
      return [{ symptom, target, finding, cause: causeOf(symptom, object, this.outside) }];
    });
  }

  /** What stands around a fault: the latest warning, and a node that is not ready. */
  private explain(object: RawObject, message: string): string {
    const warning = this.warnings.get(object.metadata.uid ?? '');
    const { nodeName } = (object as V1Pod).spec ?? {};
    const node = nodeName ? this.options.cache.find('Node', undefined, nodeName) : undefined;
    return [
      message,
      ...(warning ? [`latest warning: ${warning}`] : []),
      ...(node && !isNodeReady(node) ? [`its node ${node.metadata.name} is not ready`] : []),
    ].join('; ');
  }

  /** Whether a symptom is one that an earlier revision may be the answer to. */
  private isBlamedOnRevision({ symptom, observation }: Report): boolean {
    const runbook = this.options.runbooks.find((one) => one.symptom === symptom);
    return (
      observation.state === 'broken' &&
      runbook !== undefined &&
      runbook.ladder.some(({ name }) => name === undoRollout.name)
    );
  }

  private markFaulty(object: RawObject, target: Target): void {
    const { cache, marker } = this.options;
    const view = viewOf(target, cache);
    const revision =
      object.kind === 'Pod'
        ? view?.revisions.find((one) => isOfRevision(object as V1Pod, one))
        : view?.current;
    if (revision) void marker.markFaulty(revision);
  }

  /** Marks the revision of a target that works, and tells its incidents of its recovery. */
  private considerTarget(target: Target): void {
    if (!this.live) return;
    const view = viewOf(target, this.options.cache);
    if (view?.workload) this.considerMark(target, view);
    if (this.options.tracker.mayHaveRecovered(target)) this.considerRecovery(target, view);
    else this.healthySince.delete(targetKey(target));
  }

  private considerMark(target: Target, view: WorkloadView): void {
    void this.options.marker.markAvailable(view);
    const key = `mark ${targetKey(target)}`;
    const mayEarn = view.pods.some((pod) => restartsOf(pod) > 0);
    this.setTimer(key, mayEarn ? remarkMs : undefined, () => this.considerTarget(target));
  }

  private considerRecovery(target: Target, view: WorkloadView | undefined): void {
    const key = targetKey(target);
    if (!view && !isTargetKind(target.kind)) return;
    const why = view ? this.whyHealthy(target, view) : 'it no longer exists';
    const now = Date.now();
    const since = why ? (this.healthySince.get(key) ?? now) : undefined;
    if (!why || since === undefined) {
      this.healthySince.delete(key);
      this.clearTimer(`recovery ${key}`);
      return;
    }
    const left = view ? since + this.options.soakMs - now : 0;
    if (left > 0) {
      this.healthySince.set(key, since);
      this.setTimer(`recovery ${key}`, left, () => this.considerTarget(target));
      return;
    }
    this.healthySince.delete(key);
    for (const report of this.options.tracker.recovered(target, why, now))
      this.options.reporter.add(report);
  }

  /** Why the target counts as healthy by the checks of all its open incidents; undefined while it does not. */
  private whyHealthy(target: Target, view: WorkloadView): string | undefined {
    const symptoms = this.options.tracker.symptomsOf(target);
    const checks = this.options.runbooks.filter(({ symptom }) => symptoms.includes(symptom));
    const healths = checks.map(({ healed }) => healthOf(view, healed, this.options.settings));
    return healths.every(({ state }) => state === 'healthy') ? healths[0]?.why : undefined;
  }

  private setTimer(key: string, delayMs: number | undefined, action: () => void): void {
    this.clearTimer(key);
    if (delayMs === undefined) return;
    const run = () => {
      this.timers.delete(key);
      action();
    };
    this.timers.set(key, setTimeout(run, Math.min(Math.max(delayMs, 0), longestTimerMs)));
  }

  private clearTimer(key: string): void {
    clearTimeout(this.timers.get(key));
    this.timers.delete(key);
  }
}

/** Changes whenever a fault happens anew: with a pod's restarts, a node's conditions, a workload's generation. */
function episodeOf(object: RawObject): string {
  const { uid, generation } = object.metadata;
  if (isPod(object)) return `${uid}/${restartsOf(object)}`;
  return `${uid}/${isNode(object) ? changedAt(object) : generation}`;
}

/** When one of a node's conditions changed last. */
function changedAt({ status }: V1Node): string {
  const times = (status?.conditions ?? []).map((one) => isoOf(one.lastTransitionTime) ?? '');
  return times.sort().at(-1) ?? '';
}

function isPod(object: RawObject): object is RawObject & V1Pod {
  return object.kind === 'Pod';
}

function isNode(object: RawObject): object is RawObject & V1Node {
  return object.kind === 'Node';
}
