import type { GovernorPolicy } from './policy';

type Rate = Pick<GovernorPolicy, 'startsPerMinute' | 'startBurst'>;

/**
 * A token bucket, kept as the one moment from which on it is full again: every start puts it off
 * by the time that one token takes. All times in milliseconds since the epoch.
 */
export type FullAt = number;

/** When the bucket has the token of the n-th in line, counted from 1. */
export function tokenAt(fullAt: FullAt, rate: Rate, n: number): number {
  return Math.ceil(fullAt - (rate.startBurst - n) * tokenMs(rate));
}

/** Takes a token out; whoever does has seen that there is one. */
export function takeToken(fullAt: FullAt, rate: Rate, now: number): FullAt {
  return Math.max(fullAt, now) + tokenMs(rate);
}

/** Whole tokens that are there now. */
export function tokensIn(fullAt: FullAt, rate: Rate, now: number): number {
  const missing = Math.max(0, fullAt - now) / tokenMs(rate);
  return Math.max(0, Math.floor(rate.startBurst - missing));
}

/** The bucket under another rate: never emptier than empty. */
export function withRate(fullAt: FullAt, rate: Rate, now: number): FullAt {
  return Math.min(fullAt, now + rate.startBurst * tokenMs(rate));
}

const tokenMs = ({ startsPerMinute }: Rate) => 60_000 / startsPerMinute;
