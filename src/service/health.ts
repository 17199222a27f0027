import { messageOf } from '../model/errors';

/** Says why a part cannot do its work now, by throwing. */
export type Check = (signal: AbortSignal) => unknown;

/** What /readyz answers. */
export interface Readiness {
  ready: boolean;
  parts: Record<string, { ready: boolean; why?: string }>;
}

const timeoutMs = 1_500;
const maxAgeMs = 1_000;

/** Runs all checks, each within a second and a half; an answer serves for a second at most. */
export function createReadiness(checks: Record<string, Check>): () => Promise<Readiness> {
  let latest: Promise<Readiness> | undefined;
  let begunAt = 0;
  return () => {
    if (!latest || Date.now() - begunAt > maxAgeMs) {
      begunAt = Date.now();
      latest = runAll(checks);
    }
    return latest;
  };
}

async function runAll(checks: Record<string, Check>): Promise<Readiness> {
  const results = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => [name, await runOne(check)] as const),
  );
  return {
    ready: results.every(([, { ready }]) => ready),
    parts: Object.fromEntries(results),
  };
}

async function runOne(check: Check): Promise<{ ready: boolean; why?: string }> {
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    await Promise.race([Promise.resolve(check(signal)), aborted(signal)]);
    return { ready: true };
  } catch (error) {
    return { ready: false, why: messageOf(error) };
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error(`no answer within ${timeoutMs} ms`)));
  });
}
