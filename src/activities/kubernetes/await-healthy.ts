import { createHash } from 'node:crypto';
import type { DetectionSettings, Health, HealthCheckName, Verification } from '../../model/healing';
import { healthChecks, type TargetView } from '../../model/kubernetes/health';
import { isTerminating, restartsOf } from '../../model/kubernetes/objects';
import { isOfRevision } from '../../model/kubernetes/revisions';
import type { Target } from '../../model/target';
import type { KubernetesClient } from './client';
import { templateHash } from './hash';
import { look, WatchedTarget } from './watched';

export interface AwaitHealthyInput {
  target: Target;
  check: HealthCheckName;
  soakMs: number;
  timeoutMs: number;
}

/** What an attempt tells by its heartbeats, so that the next goes on should its worker die. */
export interface SoakSoFar {
  /** Milliseconds since the epoch: since when it has been healthy without a break. */
  healthySince?: number;
  /** Digest of the pods and their restarts at that time. */
  pods?: string;
}

interface Surroundings {
  /** Milliseconds since the epoch: when the first attempt was asked for; the time-out counts from there. */
  startedAt: number;
  /** Carried on from an earlier attempt, and kept up to date for the next. */
  soFar: SoakSoFar;
  cancelled: AbortSignal;
  detection: DetectionSettings;
}

/**
 * Watches a target until it was healthy for the whole soak, fails, is gone, or the time is over.
 * Before it says healthy it reads once more, since a watch may have fallen silent unnoticed.
 */
export async function awaitHealthy(
  client: KubernetesClient,
  { target, check, soakMs, timeoutMs }: AwaitHealthyInput,
  { startedAt, soFar, cancelled, detection }: Surroundings,
): Promise<Verification> {
  const watched = await WatchedTarget.begin(client, target);
  if (!watched) return gone;
  const deadline = startedAt + timeoutMs;
  let why = 'it was not looked at in time';

  function judge(view: TargetView): Health {
    const health = healthChecks[check](view, detection);
    why = health.why;
    keepSoak(soFar, health, view);
    return health;
  }

  const stop = () => watched.stop();
  cancelled.addEventListener('abort', stop);
  try {
    for (;;) {
      cancelled.throwIfAborted();
      if (watched.ready) {
        const view = await watched.view();
        if (!view) return gone;
        if (judge(view).state === 'failing') return { state: 'failing', why };
        if (isOver(soFar, soakMs)) {
          const now = await look(client, target);
          if (!now) return gone;
          judge(now);
          if (isOver(soFar, soakMs)) return verified(now, soFar, why);
        }
      }
      if (Date.now() >= deadline) return { state: 'timed-out', why };
      const next = Math.min(deadline, (soFar.healthySince ?? Infinity) + soakMs);
      await watched.changed(next - Date.now());
    }
  } finally {
    cancelled.removeEventListener('abort', stop);
    watched.stop();
  }
}

const gone: Verification = { state: 'gone', why: 'it no longer exists' };

/** The soak goes on while it is healthy and no pod restarts or gives way to another. */
function keepSoak(soFar: SoakSoFar, health: Health, view: TargetView): void {
  if (health.state !== 'healthy') {
    soFar.healthySince = undefined;
    return;
  }
  const pods = podsDigest(view);
  if (soFar.healthySince === undefined || soFar.pods !== pods) soFar.healthySince = Date.now();
  soFar.pods = pods;
}

function podsDigest({ object, workload, pods, current }: TargetView): string {
  // Pods come and go on a node, and behind a budget, without any harm to it.
  if (!workload && object.metadata?.uid !== pods[0]?.metadata?.uid) return '';
  const serving = pods.filter(
    (pod) => !isTerminating(pod) && (!current || isOfRevision(pod, current)),
  );
  const restarts = serving.map((pod) => `${pod.metadata?.uid}:${restartsOf(pod)}`).sort();
  return createHash('sha256').update(restarts.join()).digest('hex').slice(0, 16);
}

function isOver({ healthySince }: SoakSoFar, soakMs: number): boolean {
  return healthySince !== undefined && Date.now() - healthySince >= soakMs;
}

function verified({ workload }: TargetView, soFar: SoakSoFar, why: string): Verification {
  const template = workload?.spec?.template;
  return {
    state: 'healthy',
    why,
    healthyAt: new Date(soFar.healthySince ?? Date.now()).toISOString(),
    verifiedAt: new Date().toISOString(),
    templateHash: template && templateHash(template),
  };
}
