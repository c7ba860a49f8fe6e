// How long to wait before trying again: exponential with full jitter, so a crowd that failed together does not come back
// together. Numbers only; the sleeping is done by the caller.

import type { Random } from './ports.js';

export interface Backoff {
  /** Ceiling of the first pause. */
  readonly baseMs: number;
  readonly factor: number;
  /** Ceiling of every pause. */
  readonly capMs: number;
  /** After this many retries the last failure stands. */
  readonly maxRetries: number;
}

/** The longest pause before retry `n` (1 is the first). For every whole n, however absurd, a number up to `capMs`. */
export function ceilingMs(backoff: Backoff, n: number): number {
  return Math.min(backoff.capMs, backoff.baseMs * backoff.factor ** (n - 1));
}

/** Full jitter: evenly between nothing and the ceiling. */
export function jitteredMs(backoff: Backoff, n: number, random: Random): number {
  return random() * ceilingMs(backoff, n);
}

/** What all pauses together can come to. With full jitter the mean is half of it. */
export function longestTotalMs(backoff: Backoff): number {
  let total = 0;
  for (let n = 1; n <= backoff.maxRetries; n++) total += ceilingMs(backoff, n);
  return total;
}

export interface DelayBounds {
  readonly minMs: number;
  readonly maxMs: number;
}

/** The delay the failing side asked for, clamped; its own choice counts more than ours. Without one, the jittered backoff. */
export function plannedDelayMs(
  backoff: Backoff,
  n: number,
  asked: { readonly retryAfterMs: number | undefined; readonly bounds: DelayBounds },
  random: Random,
): number {
  const { retryAfterMs, bounds } = asked;
  if (retryAfterMs === undefined || Number.isNaN(retryAfterMs)) return jitteredMs(backoff, n, random);
  return Math.min(bounds.maxMs, Math.max(bounds.minMs, retryAfterMs));
}
