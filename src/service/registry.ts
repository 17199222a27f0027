import { collectDefaultMetrics, Registry } from 'prom-client';

/** A registry with the process' own metrics in it. */
export function createRegistry(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}
