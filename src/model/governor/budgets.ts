import type { Gate } from '../procedure';
import type { Target } from '../target';
import type { GovernorPolicy } from './policy';

/** What a lease counts against; the pool and the zone are a node's. */
export interface Claim {
  target: Target;
  pool?: string;
  zone?: string;
}

/** How many leases there are by scope: `cluster`, `namespace/shop`, `pool/blue`, `zone/a`. */
export type Use = Map<string, number>;

export function useOf(claims: readonly Claim[]): Use {
  const use: Use = new Map();
  for (const claim of claims) addTo(use, claim);
  return use;
}

export function addTo(use: Use, claim: Claim): void {
  for (const scope of budgetsOf(claim)) use.set(scope, (use.get(scope) ?? 0) + 1);
}

/** How many procedures may be at work in a scope. */
export function budgetOf(policy: GovernorPolicy, scope: string): number {
  if (scope.startsWith('namespace/')) return policy.maxConcurrentPerNamespace;
  if (scope.startsWith('pool/')) return policy.maxConcurrentPerPool;
  if (scope.startsWith('zone/')) return policy.maxConcurrentPerZone;
  return policy.maxConcurrent;
}

/** Shut while one of the budgets that a claim counts against is used up. */
export function budgetGate(use: Use, policy: GovernorPolicy, claim: Claim): Gate | undefined {
  const spent = budgetsOf(claim).find((scope) => isSpent(use, policy, scope));
  if (spent === undefined) return undefined;
  const budget = budgetOf(policy, spent);
  return {
    gate: 'budget-spent',
    reason: `at most ${budget} ${budget === 1 ? 'procedure' : 'procedures'} at once in ${nameOf(spent)}`,
  };
}

export function isSpent(use: Use, policy: GovernorPolicy, scope: string): boolean {
  return (use.get(scope) ?? 0) >= budgetOf(policy, scope);
}

function budgetsOf({ target: { namespace }, pool, zone }: Claim): string[] {
  const scopes = ['cluster'];
  if (namespace !== undefined) scopes.push(`namespace/${namespace}`);
  if (pool !== undefined) scopes.push(`pool/${pool}`);
  if (zone !== undefined) scopes.push(`zone/${zone}`);
  return scopes;
}

/** `namespace/shop` as people say it. */
const nameOf = (scope: string) => (scope === 'cluster' ? 'the cluster' : scope.replace('/', ' '));
