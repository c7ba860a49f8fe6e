import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TokenBuckets } from './token-buckets.js';

class Clock {
  nowMs = 1_000;
  now = () => this.nowMs;
}

function bucketsOf(burst: number, perSecond: number, maxKeys = 100) {
  const clock = new Clock();
  return { clock, buckets: new TokenBuckets({ burst, perSecond, maxKeys, clock }) };
}

const takeAll = (buckets: TokenBuckets, key: string, tries = 1_000) =>
  Array.from({ length: tries }, () => buckets.take(key)).filter(Boolean).length;

describe('a bucket', () => {
  it('gives its burst at once, then what time brings', () => {
    const { clock, buckets } = bucketsOf(10, 10 / 60);
    expect(takeAll(buckets, 'a')).toBe(10);
    clock.nowMs += 5_999;
    expect(buckets.take('a')).toBe(false);
    clock.nowMs += 1;
    expect(takeAll(buckets, 'a')).toBe(1);
    clock.nowMs += 600_000;
    expect(takeAll(buckets, 'a')).toBe(10);
  });

  it('says how long to wait, and that is true', () => {
    const { clock, buckets } = bucketsOf(2, 3);
    expect(buckets.waitMs('a')).toBe(0);
    takeAll(buckets, 'a');
    clock.nowMs += 100;
    expect(buckets.waitMs('a')).toBe(234);
    clock.nowMs += 234;
    expect(buckets.waitMs('a')).toBe(0);
    expect(buckets.take('a')).toBe(true);
  });

  it('is nobody else’s', () => {
    const { buckets } = bucketsOf(1, 1);
    takeAll(buckets, 'a');
    expect(buckets.take('b')).toBe(true);
  });

  it('gives in no stretch of time more than its burst and what that time brings', () => {
    const steps = fc.array(fc.record({ afterMs: fc.nat(2_000), tries: fc.nat(5) }), { maxLength: 50 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 20 }), steps, (burst, perSecond, all) => {
        const { clock, buckets } = bucketsOf(burst, perSecond);
        let taken = 0;
        let passedMs = 0;
        for (const { afterMs, tries } of all) {
          clock.nowMs += afterMs;
          passedMs += afterMs;
          taken += takeAll(buckets, 'a', tries);
          expect(taken).toBeLessThanOrEqual(burst + (passedMs / 1_000) * perSecond + 1e-6);
        }
      }),
    );
  });

  it('that could never give anything is refused', () => {
    expect(() => bucketsOf(0, 1)).toThrow(RangeError);
    expect(() => bucketsOf(1, 0)).toThrow(RangeError);
    expect(() => bucketsOf(1, 1, 0)).toThrow(RangeError);
  });
});

describe('many keys', () => {
  it('are bounded: the one taken from longest ago is forgotten', () => {
    const { buckets } = bucketsOf(1, 0.001, 3);
    for (const key of ['a', 'b', 'c', 'd']) buckets.take(key);
    expect(buckets.size).toBe(3);
    expect(buckets.take('b')).toBe(false);
    expect(buckets.take('a')).toBe(true);
  });

  it('whose buckets are full again are not kept', () => {
    const { clock, buckets } = bucketsOf(1, 1);
    for (let key = 0; key < 50; key += 1) buckets.take(String(key));
    clock.nowMs += 1_000;
    buckets.take('one more');
    expect(buckets.size).toBe(1);
  });
});
