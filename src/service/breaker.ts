import {
  BrokenCircuitError,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
  noop,
  TaskCancelledError,
  TimeoutStrategy,
  timeout,
  wrap,
} from 'cockatiel';
import { Gauge, type Registry } from 'prom-client';
import type { Breaker } from '../model/breaker';
import { HomeostatError, SystemAway, unreachable } from '../model/errors';

/** Outside systems that the parts speak to. */
export type System = 'kubernetes' | 'prometheus' | 'artifacts' | 'temporal' | 'slack';

export interface BreakerOptions {
  /** Calls that failed one after the other until the breaker opens. */
  failures?: number;
  /** How long it stays open until one call tries again, in milliseconds. */
  restMs?: number;
  /** How long one call may take, in milliseconds; left out where the client has a time-out of its own. */
  timeoutMs?: number;
  /** Whether an error says that the system is away; an answer that refuses does not. */
  isAway?: (error: unknown) => boolean;
}

/** Makes the breaker of a system; what it throws while open is `SystemAway`. */
export type Breakers = (system: System, options?: BreakerOptions) => Breaker;

/** Breakers whose state is the metric `homeostat_breaker_state{system}`: 0 closed, 1 half-open, 2 open. */
export function createBreakers(registry: Registry): Breakers {
  const gauge = new Gauge({
    name: 'homeostat_breaker_state',
    help: 'Circuit breaker of an outside system: 0 closed, 1 half-open (one call tries), 2 open (calls fail at once).',
    labelNames: ['system'],
    registers: [registry],
  });
  return (system, options = {}) => {
    const { failures = 5, restMs = 5_000, timeoutMs, isAway = isUnreachable } = options;
    const policy = circuitBreaker(
      handleWhen((error) => error instanceof TaskCancelledError || isAway(error)),
      { halfOpenAfter: restMs, breaker: new ConsecutiveBreaker(failures) },
    );
    const limit = timeoutMs ? timeout(timeoutMs, TimeoutStrategy.Aggressive) : noop;
    gauge.set({ system }, 0);
    policy.onStateChange((state) => gauge.set({ system }, metricOf(state)));
    return async (work) => {
      try {
        return await wrap(policy, limit).execute(work);
      } catch (error) {
        if (error instanceof BrokenCircuitError) throw new SystemAway(system);
        if (error instanceof TaskCancelledError) throw late(system, timeoutMs);
        throw error;
      }
    };
  };
}

function late(system: System, timeoutMs = 0) {
  return unreachable(`${system} (no answer within ${timeoutMs / 1_000} s)`, 'see that it answers');
}

const isUnreachable = (error: unknown) =>
  error instanceof HomeostatError && error.code === 'unreachable';

function metricOf(state: CircuitState): number {
  if (state === CircuitState.Closed) return 0;
  return state === CircuitState.HalfOpen ? 1 : 2;
}
