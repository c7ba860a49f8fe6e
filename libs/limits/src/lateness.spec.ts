import { describe, expect, it } from '@jest/globals';
import { Lateness } from './lateness.js';

const maxDelayMs = 1_000;

/** What is said after each of these windows. */
function judge(windows: readonly number[], max = maxDelayMs): boolean[] {
  const lateness = new Lateness(max);
  return windows.map((delayMs) => {
    lateness.observe(delayMs);
    return lateness.isLate;
  });
}

describe('a process', () => {
  it('is punctual before anything was measured', () => {
    expect(new Lateness(maxDelayMs).isLate).toBe(false);
  });

  it('is late after two late windows in a row', () => {
    expect(judge([1_001, 1_001, 5_000])).toEqual([false, true, true]);
  });

  it('is not late after one pause, however long, nor after one now and then', () => {
    expect(judge([60_000, 0, 60_000, 0, 1_500, 900, 1_500])).toEqual(Array(7).fill(false));
  });

  it('is not late as long as it is just within its limit', () => {
    expect(judge([1_000, 1_000, 1_000])).toEqual([false, false, false]);
  });

  it('has caught up after one window of half the limit, and not a millisecond earlier', () => {
    expect(judge([2_000, 2_000, 900, 501, 500])).toEqual([false, true, true, true, false]);
  });

  it('is not late again at once after it caught up', () => {
    expect(judge([2_000, 2_000, 0, 2_000, 2_000])).toEqual([false, true, false, false, true]);
  });

  it('is never late without a limit', () => {
    expect(judge([60_000, 60_000, 60_000], 0)).toEqual([false, false, false]);
  });
});
