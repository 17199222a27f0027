import { readFile } from 'node:fs/promises';
import type { Breaker } from '../../model/breaker';
import { badInput, HomeostatError, messageOf, unreachable } from '../../model/errors';
import type { MetricSeries } from '../../model/metrics';

export interface PrometheusPlace {
  url: string;
  /** A bearer token; goes before `tokenFile`. */
  token?: string;
  /** File with a bearer token; read at each request, since such tokens are renewed. */
  tokenFile?: string;
}

export interface Range {
  /** Milliseconds since 1970. */
  from: number;
  to: number;
  stepSeconds: number;
}

export interface PrometheusClient {
  /**
   * The series of a query over a range, the first fifty of them.
   * @throws HomeostatError `unreachable` when Prometheus does not answer, `bad-input` when it refuses.
   */
  range(query: string, range: Range): Promise<MetricSeries[]>;
}

const timeoutMs = 5_000;
const mostSeries = 50;

/** A client of Prometheus' HTTP API, or of anything that serves the same, such as Thanos or Mimir. */
export function createPrometheusClient(place: PrometheusPlace, breaker: Breaker): PrometheusClient {
  const base = place.url.replace(/\/$/, '');

  async function ask(body: URLSearchParams): Promise<Answer> {
    const response = await fetch(`${base}/api/v1/query_range`, {
      method: 'POST',
      body,
      headers: await authorization(place),
      signal: AbortSignal.timeout(timeoutMs),
    }).catch((error: unknown) => {
      throw error instanceof HomeostatError ? error : away(base, error);
    });
    const text = await response.text().catch((error: unknown) => {
      throw away(base, error);
    });
    if (response.status >= 500) throw away(base, new Error(`it answered ${response.status}`));
    if (response.status === 401 || response.status === 403) {
      throw badInput(`Prometheus at ${base}`, `it answered ${response.status}: ${tokenMend}`);
    }
    return parsed(base, text);
  }

  return {
    async range(query, { from, to, stepSeconds }) {
      const body = new URLSearchParams({
        query,
        start: String(from / 1_000),
        end: String(to / 1_000),
        step: String(stepSeconds),
        timeout: `${timeoutMs}ms`,
      });
      const answer = await breaker(() => ask(body));
      if (answer.status !== 'success') {
        throw badInput(`query ${query}`, `Prometheus refuses it: ${answer.error ?? 'no reason'}`);
      }
      return (answer.data?.result ?? []).slice(0, mostSeries).map(seriesOf);
    },
  };
}

const tokenMend = 'give it a token that may query (PROMETHEUS_TOKEN or prometheus.tokenFile)';

/** The parts of an answer that are looked at; a sample is `[seconds, "value"]`. */
interface Answer {
  status: string;
  error?: string;
  data?: { result?: { metric?: Record<string, string>; values?: [number, string][] }[] };
}

function parsed(base: string, text: string): Answer {
  try {
    return JSON.parse(text) as Answer;
  } catch {
    throw badInput(`prometheus.url ${base}`, 'it answers no JSON: name the base of a Prometheus');
  }
}

function seriesOf({
  metric = {},
  values = [],
}: NonNullable<NonNullable<Answer['data']>['result']>[number]): MetricSeries {
  const points = values.map(([seconds, value]): [number, number] => [
    Math.round(seconds * 1_000),
    Number(value),
  ]);
  // JSON knows neither NaN nor the infinities.
  return {
    name: Object.values(metric).join(' ') || 'value',
    points: points.filter(([, value]) => Number.isFinite(value)),
  };
}

async function authorization({
  token,
  tokenFile,
}: PrometheusPlace): Promise<Record<string, string>> {
  const given = token ?? (tokenFile && (await readToken(tokenFile)));
  return given ? { authorization: `Bearer ${given}` } : {};
}

async function readToken(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    throw badInput(`prometheus.tokenFile ${file}`, `make it readable (${messageOf(error)})`);
  }
}

function away(base: string, error: unknown) {
  const cause = error instanceof Error && error.cause ? error.cause : error;
  return unreachable(
    `Prometheus at ${base} (${messageOf(cause)})`,
    'start it, or correct prometheus.url',
    error,
  );
}
