import { type ArtifactStore, type SnapshotName, snapshotFolder } from '../../model/artifacts';
import { HomeostatError } from '../../model/errors';
import { type MetricQuery, type Metrics, metricQueries } from '../../model/metrics';
import type { EvidenceRef } from '../../model/procedure';
import type { Target } from '../../model/target';
import { ofHomeostatError } from '../failure';
import type { PrometheusClient, Range } from './client';

export { createPrometheusClient } from './client';

/** What workflows may ask of Prometheus. */
export interface PrometheusActivities {
  /** Keeps what Prometheus knows of a target as `metrics.json`; nothing where no Prometheus is configured. */
  snapshotMetrics(input: SnapshotName & { target: Target }): Promise<EvidenceRef[]>;
}

export interface PrometheusDeps {
  /** Left out where none is configured. */
  prometheus?: PrometheusClient;
  artifacts: ArtifactStore;
  /** How far back the metrics go, in milliseconds. */
  lookbackMs: number;
}

/** Enough for a chart. */
const mostPoints = 240;
const shortestStepSeconds = 5;

export function createPrometheusActivities({
  prometheus,
  artifacts,
  lookbackMs,
}: PrometheusDeps): PrometheusActivities {
  async function metricsOf(client: PrometheusClient, queries: MetricQuery[]): Promise<Metrics> {
    const range = rangeUntil(Date.now(), lookbackMs);
    const charts = await Promise.all(
      queries.map(async (query) => ({ ...query, series: await client.range(query.query, range) })),
    );
    return {
      from: new Date(range.from).toISOString(),
      to: new Date(range.to).toISOString(),
      stepSeconds: range.stepSeconds,
      charts: charts.filter(({ series }) => series.length > 0),
    };
  }

  return {
    async snapshotMetrics({ target, ...name }) {
      const queries = metricQueries(target);
      if (!prometheus || queries.length === 0) return [];
      try {
        const metrics = await metricsOf(prometheus, queries);
        const text = `${JSON.stringify(metrics)}\n`;
        return [await artifacts.put(`${snapshotFolder(name)}/metrics.json`, text)];
      } catch (error) {
        throw error instanceof HomeostatError ? ofHomeostatError(error) : error;
      }
    },
  };
}

/** Whole steps, so that two snapshots of one procedure have their points at the same times. */
function rangeUntil(now: number, lookbackMs: number): Range {
  const stepSeconds = Math.max(Math.ceil(lookbackMs / 1_000 / mostPoints), shortestStepSeconds);
  const step = stepSeconds * 1_000;
  const to = Math.floor(now / step) * step;
  return { from: to - Math.floor(lookbackMs / step) * step, to, stepSeconds };
}
