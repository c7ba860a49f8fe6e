import { describe, expect, it } from '@jest/globals';
import { ceilingMs, jitteredMs, longestTotalMs, plannedDelayMs } from './backoff.js';
import { completePolicy, defaultPolicy } from './policy.js';

const { redial, wake, outage } = defaultPolicy;
const bounds = { minMs: 50, maxMs: 10_000 };

describe('backoff', () => {
  it('comes to the sums that are written beside the constants', () => {
    expect(longestTotalMs(redial)).toBeCloseTo(59_154, 0);
    expect(longestTotalMs(wake)).toBeCloseTo(54_307, 0);
    expect(longestTotalMs(outage)).toBeCloseTo(62_926, 0);
  });
  it.each([1, 2, 10, 32, 33, 64, 1_000, 1e6, 2 ** 31, Number.MAX_SAFE_INTEGER, Number.MAX_VALUE])(
    'neither overflows nor becomes NaN at retry %d',
    (n) => {
      for (const backoff of [redial, wake, outage, { ...redial, factor: 1 }, { ...redial, factor: 10 }]) {
        const ms = ceilingMs(backoff, n);
        expect(ms).toBeGreaterThanOrEqual(backoff.baseMs);
        expect(ms).toBeLessThanOrEqual(backoff.capMs);
      }
    },
  );
  it('never grows shorter from one retry to the next', () => {
    for (let n = 1; n < 100; n++) expect(ceilingMs(redial, n + 1)).toBeGreaterThanOrEqual(ceilingMs(redial, n));
  });
  it('is jittered between nothing and its ceiling', () => {
    expect(jitteredMs(redial, 3, () => 0)).toBe(0);
    expect(jitteredMs(redial, 3, () => 0.5)).toBeCloseTo(64);
    expect(jitteredMs(redial, 3, () => 1 - Number.EPSILON)).toBeLessThanOrEqual(128);
  });
});

describe('a delay that was asked for', () => {
  it.each([
    [0, 50],
    [-5, 50],
    [-Infinity, 50],
    [700, 700],
    [1e12, 10_000],
    [Infinity, 10_000],
  ])('of %d ms is slept as %d ms', (retryAfterMs, expected) => {
    expect(plannedDelayMs(wake, 1, { retryAfterMs, bounds }, () => 0.5)).toBe(expected);
  });
  it('that is no number is as if none was asked for', () => {
    expect(plannedDelayMs(wake, 1, { retryAfterMs: NaN, bounds }, () => 0.5)).toBe(50);
    expect(plannedDelayMs(wake, 1, { retryAfterMs: undefined, bounds }, () => 0.5)).toBe(50);
  });
});

describe('a policy', () => {
  it('takes the defaults for what is not given', () => {
    expect(completePolicy({ deadlineMs: 5_000 })).toEqual({ ...defaultPolicy, deadlineMs: 5_000 });
  });
  it.each([
    { deadlineMs: 0 },
    { deadlineMs: NaN },
    { deadlineMs: Infinity },
    { deadlineMs: 2 ** 31 },
    { cachedDialMs: -1 },
    { redial: { ...redial, factor: 0.5 } },
    { redial: { ...redial, baseMs: 0 } },
    { redial: { ...redial, capMs: 10 } },
    { wake: { ...wake, maxRetries: Infinity } },
    { wake: { ...wake, maxRetries: 1.5 } },
    { outage: { ...outage, capMs: 50 } },
    { serverDelay: { minMs: 100, maxMs: 50 } },
    { askAgainAfterSuspectDials: 0 },
    { dialsInFlightPerEndpoint: 0 },
    { dialQueuePerEndpoint: 0 },
    { retryBudget: { perJourney: NaN, perSecond: 1, most: 1 } },
    { rememberedEndpoints: 0 },
  ])('that no journey could work with is refused: %j', (given) => {
    expect(() => completePolicy(given)).toThrow(RangeError);
  });
});
