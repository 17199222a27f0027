import pLimit, { type LimitFunction } from 'p-limit';
import { type Alert, episodeOf, observationOf, type Subject, subjectOf } from '../../model/alerts';
import { formatTarget, healWorkflowId, type Target } from '../../model/target';
import type { UnmatchedAlert } from '../../model/unmatched';
import type { Runbook } from '../../workflows/healing/runbook';
import type { Report, Told } from '../incidents';
import type { AlertResult, GatewayMetrics } from './metrics';

export interface IntakeOptions {
  cluster: string;
  runbooks: readonly Runbook[];
  /** The top owner of a pod; undefined where the pod is not there. */
  ownerOf: (pod: Subject) => Promise<Subject | undefined>;
  /** Resolves once Temporal has it. */
  tell: (report: Report) => Promise<Told>;
  /** Resolves once it is listed durably. */
  tellUnmatched: (alerts: UnmatchedAlert[]) => Promise<void>;
  metrics: Pick<GatewayMetrics, 'alerts'>;
}

interface Matched {
  alert: Alert;
  subject: Subject;
  target: Target;
  runbook: Runbook;
}

type Result = Exclude<AlertResult, 'refused' | 'deferred'>;

/** How many alerts became what. */
export type Counts = Record<Result, number> & { received: number };

/** Calls to Temporal and the API server at a time, over all requests. */
const mostInFlight = 32;

/** Turns alerts into incidents, and has them durable before it returns. */
export class Intake {
  private readonly limit: LimitFunction = pLimit(mostInFlight);

  constructor(private readonly options: IntakeOptions) {}

  /**
   * Takes the alerts of one notification; those of one incident are told together.
   * @throws where one of them could not be made durable: all are to be sent again, which tells nothing twice.
   */
  async take(alerts: readonly Alert[]): Promise<Counts> {
    const counts: Counts = {
      received: alerts.length,
      accepted: 0,
      known: 0,
      resolved: 0,
      unmatched: 0,
    };
    const failures: unknown[] = [];
    const attempt = (amount: number, work: () => Promise<Result>) =>
      this.limit(async () => {
        try {
          const result = await work();
          counts[result] += amount;
          this.count(result, amount);
        } catch (error) {
          failures.push(error);
          this.count('deferred', amount);
        }
      });
    const { incidents, unmatched, unknown } = await this.sort(alerts);
    const tell = untilFailure(this.options.tell);
    await Promise.all([
      ...[...incidents].map(([workflowId, matched]) => {
        const report = reportOf(workflowId, matched);
        return attempt(matched.length, async () => resultOf(report, await tell(report)));
      }),
      ...chunks(unmatched).map((some) =>
        attempt(some.length, async () => {
          await this.options.tellUnmatched(some);
          return 'unmatched';
        }),
      ),
      ...unknown.map((error) => attempt(1, () => Promise.reject(error))),
    ]);
    if (failures.length > 0) throw failures[0];
    return counts;
  }

  private count(result: AlertResult, amount: number): void {
    this.options.metrics.alerts.inc({ result }, amount);
  }

  /** Sorts alerts into the incidents that they are about, those that nothing answers, and failures to find out. */
  private async sort(alerts: readonly Alert[]) {
    const incidents = new Map<string, Matched[]>();
    const unmatched: UnmatchedAlert[] = [];
    const unknown: unknown[] = [];
    const ownerOf = untilFailure(this.options.ownerOf);
    await Promise.all(
      alerts.map((alert) =>
        this.limit(async () => {
          try {
            const match = await this.match(alert, ownerOf);
            if ('why' in match) unmatched.push(match);
            else add(incidents, healWorkflowId(match.target, match.runbook.symptom), match);
          } catch (error) {
            unknown.push(error);
          }
        }),
      ),
    );
    return { incidents, unmatched, unknown };
  }

  private async match(
    alert: Alert,
    ownerOf: IntakeOptions['ownerOf'],
  ): Promise<Matched | UnmatchedAlert> {
    const { cluster, runbooks } = this.options;
    const runbook = runbooks.find(({ alerts }) => alerts.includes(alert.name));
    if (!runbook) return unmatchedOf(alert, `no runbook answers ${alert.name}`);
    const elsewhere = alert.labels.cluster;
    if (elsewhere && elsewhere !== cluster) {
      return unmatchedOf(alert, `it is of the cluster "${elsewhere}", and this is "${cluster}"`);
    }
    const subject = subjectOf(alert);
    if (!subject) return unmatchedOf(alert, 'its labels name no object');
    const owner = subject.kind === 'Pod' ? await ownerOf(subject) : subject;
    if (!owner) return unmatchedOf(alert, `${formatTarget(subject)} is not there`);
    return { alert, subject, target: { cluster, ...owner }, runbook };
  }
}

function add(incidents: Map<string, Matched[]>, workflowId: string, match: Matched): void {
  const known = incidents.get(workflowId);
  if (known) known.push(match);
  else incidents.set(workflowId, [match]);
}

function reportOf(workflowId: string, matched: readonly Matched[]): Report {
  const [{ target, runbook, subject }] = matched as [Matched, ...Matched[]];
  const alerts = matched.map(({ alert }) => alert);
  const observation = observationOf(alerts, subject);
  const firing = alerts.filter(({ status }) => status === 'firing');
  return {
    workflowId,
    target,
    symptom: runbook.symptom,
    observation,
    ...(firing.length > 0 && { episodes: [...new Set(firing.map(episodeOf))] }),
  };
}

function resultOf({ observation }: Report, told: Told): Result {
  if (observation.state === 'recovered') return 'resolved';
  return told === 'known' ? 'known' : 'accepted';
}

/** After a failure the others are not tried: whoever should answer them is away. */
function untilFailure<A, R>(work: (argument: A) => Promise<R>): (argument: A) => Promise<R> {
  let failure: { error: unknown } | undefined;
  return async (argument) => {
    if (failure) throw failure.error;
    try {
      return await work(argument);
    } catch (error) {
      failure = { error };
      throw error;
    }
  };
}

const longestLabels = 300;

function unmatchedOf(alert: Alert, why: string): UnmatchedAlert {
  const { name, fingerprint, status, startsAt, message } = alert;
  const labels = Object.entries(alert.labels)
    .filter(([key]) => key !== 'alertname')
    .map(([key, value]) => `${key}=${value}`)
    .join(', ')
    .slice(0, longestLabels);
  return { name, fingerprint, status, startsAt, message, labels, why };
}

/** A signal has room for so many. */
const mostInSignal = 100;

function chunks<T>(items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / mostInSignal) }, (_, index) =>
    items.slice(index * mostInSignal, (index + 1) * mostInSignal),
  );
}
