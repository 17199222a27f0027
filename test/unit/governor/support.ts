import { receiveRequest, settle } from '../../../src/model/governor';
import { defaultGovernorPolicy, type GovernorPolicy } from '../../../src/model/governor/policy';
import type { Surroundings } from '../../../src/model/governor/shares';
import type { GovernorState } from '../../../src/model/governor/state';
import type { Target } from '../../../src/model/target';

export const start = Date.parse('2026-01-01T00:00:00Z');

export const policyWith = (more: Partial<GovernorPolicy> = {}): GovernorPolicy => ({
  ...defaultGovernorPolicy,
  attemptsPerHour: 3,
  ...more,
});

export const target = (name: string, namespace = 'shop'): Target => ({
  cluster: 'lab',
  kind: 'Deployment',
  namespace,
  name,
});

export const node = (name: string): Target => ({ cluster: 'lab', kind: 'Node', name });

/** What a survey says of a node in the pool blue and the zone a, with so many of ten out of service. */
export function aroundNode(now: number, unhealthy = 1, pool = 'blue', zone = 'a'): Surroundings {
  const total = 10;
  return {
    ...{ pool, zone, takenAt: new Date(now).toISOString() },
    shares: [
      { scope: 'nodes', unhealthy, total: 100 },
      { scope: `pool/${pool}`, unhealthy, total },
      { scope: `zone/${zone}`, unhealthy, total },
    ],
  };
}

export function aroundWorkload(now: number, unhealthy = 1, total = 20): Surroundings {
  const shares = [{ scope: 'workloads', unhealthy, total }];
  return { takenAt: new Date(now).toISOString(), shares };
}

/** Asks, and gives every answer that follows. */
export function ask(
  state: GovernorState,
  workflowId: string,
  about: string | Target,
  now: number,
  surroundings?: Surroundings,
) {
  const wanted = typeof about === 'string' ? target(about) : about;
  const answers = receiveRequest(state, { workflowId, target: wanted, surroundings }, now);
  return [...answers, ...settle(state, now)];
}
