import type { Breaker } from '../../src/model/breaker';

/** A breaker that lets everything through. */
export const unbroken: Breaker = (work) => work();
