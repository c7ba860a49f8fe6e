// Every number of a journey, with its default and its reason. Checked once when the connector is made.

import type { Backoff, DelayBounds } from './backoff.js';
import type { RetryBudgetPolicy } from './retry-budget.js';

export interface ConnectPolicy {
  /** One limit for the whole journey: every wake, wait and dial together. */
  readonly deadlineMs: number;
  /** One dial of a cached address. Short: packets to a pod that is gone are dropped, not refused. */
  readonly cachedDialMs: number;
  /** One dial of an address that wake-service has just named. Patient: a compute that is starting may be slow. */
  readonly freshDialMs: number;
  readonly redial: Backoff;
  readonly wake: Backoff;
  /** Between calls to a wake-service that is not there. Short: they cost nobody anything, and it may be back any moment. */
  readonly outage: Backoff;
  /** Bounds for a delay that the other side asks for. */
  readonly serverDelay: DelayBounds;
  /** So many suspect dials of a fresh address, and wake-service is asked whether that compute still runs. */
  readonly askAgainAfterSuspectDials: number;
  /**
   * For so long after wake-service named a generation, a rejected login is the truth and no reason to ask again:
   * otherwise anybody with a wrong database name multiplies our wakes.
   */
  readonly vouchedForMs: number;
  /** So many logins at once to one endpoint; a default Postgres has room for 97. */
  readonly dialsInFlightPerEndpoint: number;
  /** So many clients wait for one endpoint's address or a free place; the next one is told to come back. */
  readonly dialQueuePerEndpoint: number;
  readonly retryBudget: RetryBudgetPolicy;
  /** Retry budgets and vouched generations kept after the last journey of an endpoint; the oldest go first. */
  readonly rememberedEndpoints: number;
}

export const defaultPolicy: ConnectPolicy = {
  deadlineMs: 30_000,
  cachedDialMs: 1_500,
  freshDialMs: 5_000,
  // 50, 80, 128, 205, 328, 524, 839, then 1000: at most 59.2 s of pauses, 29.6 s on average. The deadline comes first.
  redial: { baseMs: 50, factor: 1.6, capMs: 1_000, maxRetries: 64 },
  // 100, 160, 256, 410, 655, 1049, 1678, then 2000: at most 54.3 s of pauses, 27.2 s on average.
  wake: { baseMs: 100, factor: 1.6, capMs: 2_000, maxRetries: 32 },
  // 100, 160, 256, 410, then 500: at most 62.9 s of pauses, 31.5 s on average. The deadline comes first.
  outage: { baseMs: 100, factor: 1.6, capMs: 500, maxRetries: 128 },
  serverDelay: { minMs: 50, maxMs: 10_000 },
  askAgainAfterSuspectDials: 3,
  vouchedForMs: 5_000,
  dialsInFlightPerEndpoint: 32,
  dialQueuePerEndpoint: 10_000,
  retryBudget: { perJourney: 0.2, perSecond: 10, most: 100 },
  rememberedEndpoints: 10_000,
};

/** The defaults with the given values over them. Throws RangeError for a value no journey could work with. */
export function completePolicy(given: Partial<ConnectPolicy>): ConnectPolicy {
  const policy = { ...defaultPolicy, ...given };
  // 24 days: beyond that, timers overflow and fire at once.
  const longestMs = 2 ** 31 - 1;
  const { redial, wake, outage, serverDelay, retryBudget } = policy;
  within('deadlineMs', policy.deadlineMs, 1, longestMs);
  within('cachedDialMs', policy.cachedDialMs, 1, longestMs);
  within('freshDialMs', policy.freshDialMs, 1, longestMs);
  for (const [name, backoff] of Object.entries({ redial, wake, outage })) {
    within(`${name}.baseMs`, backoff.baseMs, 1, longestMs);
    within(`${name}.factor`, backoff.factor, 1, 10);
    within(`${name}.capMs`, backoff.capMs, backoff.baseMs, longestMs);
    whole(`${name}.maxRetries`, backoff.maxRetries, 0, 1_000);
  }
  within('serverDelay.minMs', serverDelay.minMs, 1, longestMs);
  within('serverDelay.maxMs', serverDelay.maxMs, serverDelay.minMs, longestMs);
  whole('askAgainAfterSuspectDials', policy.askAgainAfterSuspectDials, 1, 1_000);
  within('vouchedForMs', policy.vouchedForMs, 0, longestMs);
  whole('dialsInFlightPerEndpoint', policy.dialsInFlightPerEndpoint, 1, 10_000);
  whole('dialQueuePerEndpoint', policy.dialQueuePerEndpoint, 1, 1_000_000);
  within('retryBudget.perJourney', retryBudget.perJourney, 0, 100);
  within('retryBudget.perSecond', retryBudget.perSecond, 0, 1_000_000);
  within('retryBudget.most', retryBudget.most, 1, 1_000_000);
  whole('rememberedEndpoints', policy.rememberedEndpoints, 1, 10_000_000);
  return policy;
}

function within(name: string, value: number, low: number, high: number): void {
  if (value >= low && value <= high) return;
  throw new RangeError(`${name} must be between ${low} and ${high}, not ${value}`);
}

function whole(name: string, value: number, low: number, high: number): void {
  within(name, value, low, high);
  if (!Number.isInteger(value)) throw new RangeError(`${name} must be a whole number, not ${value}`);
}
