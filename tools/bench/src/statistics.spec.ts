import { describe, expect, it } from '@jest/globals';
import { medianOf, summarise } from './statistics.ts';

describe('a summary', () => {
  it('of an odd number of samples takes the middle one, in any order', () => {
    expect(summarise([30, 10, 20])).toMatchObject({ count: 3, medianMs: 20, maxMs: 30 });
  });

  it('of an even number of samples takes the mean of the middle two', () => {
    expect(summarise([1, 2, 3, 10]).medianMs).toBe(2.5);
  });

  it('places the 90th percentile between its neighbours', () => {
    expect(summarise([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]).p90Ms).toBe(9);
    expect(summarise([10, 20]).p90Ms).toBe(19);
  });

  it('places the 99th percentile by the same rule', () => {
    expect(summarise(Array.from({ length: 101 }, (_, at) => at)).p99Ms).toBe(99);
  });

  it('of one sample is that sample', () => {
    expect(summarise([7])).toEqual({ count: 1, medianMs: 7, p90Ms: 7, p99Ms: 7, maxMs: 7 });
  });
});

describe('a median', () => {
  it('is of the figures that are there', () => {
    expect(medianOf([3, undefined, 1, NaN, 2])).toBe(2);
    expect(medianOf([undefined, NaN])).toBeUndefined();
  });
});
