/**
 * Lets work through to an outside system while that answers, and fails at once while it does not.
 * Throws what the work throws, or `SystemAway`.
 */
export type Breaker = <T>(work: () => Promise<T>) => Promise<T>;
