import type { GovernorState } from './state';

/** Temporal refuses an input above 2 MB; this leaves room for what else goes with it. */
const mostBytes = 1_500_000;

/**
 * The state as the next run is given it. Where it would be too large, those who asked last are left
 * out: each asks again within a minute.
 */
export function carried(state: GovernorState): GovernorState {
  const waiting: GovernorState['waiting'] = {};
  let bytes = sizeOf({ ...state, waiting });
  for (const [workflowId, one] of Object.entries(state.waiting)) {
    bytes += sizeOf(one) + workflowId.length + 4;
    if (bytes > mostBytes) break;
    waiting[workflowId] = one;
  }
  return { ...state, waiting };
}

/** Good enough: names of Kubernetes are ASCII, and the limit is far off. */
const sizeOf = (value: unknown) => JSON.stringify(value).length;
