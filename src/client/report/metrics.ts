import { z } from 'zod';
import type { Metrics } from '../../model/metrics';
import type { Artifact } from '../../model/report';

const metricsSchema = z.object({
  from: z.iso.datetime(),
  to: z.iso.datetime(),
  stepSeconds: z.number(),
  charts: z
    .array(
      z.object({
        name: z.string(),
        title: z.string().max(100),
        unit: z.enum(['cores', 'bytes', 'count']),
        query: z.string(),
        series: z
          .array(
            z.object({
              name: z.string().max(300),
              points: z.array(z.tuple([z.number(), z.number()])).max(2_000),
            }),
          )
          .max(100),
      }),
    )
    .max(20),
});

/** The metrics of the latest snapshot that has any: it reaches back over the whole procedure. */
export function latestMetrics(artifacts: Artifact[]): Metrics | undefined {
  return artifacts
    .filter(({ path }) => path === 'metrics.json')
    .flatMap(({ text }) => {
      const parsed = metricsSchema.safeParse(parse(text));
      return parsed.success ? [parsed.data] : [];
    })
    .sort((one, other) => Date.parse(one.to) - Date.parse(other.to))
    .at(-1);
}

function parse(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}
