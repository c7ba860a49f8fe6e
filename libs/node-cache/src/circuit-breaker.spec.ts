import { describe, expect, it } from '@jest/globals';
import { CircuitBreaker } from './circuit-breaker.js';

function setUp() {
  let nowMs = 0;
  const changes: unknown[] = [];
  const breaker = new CircuitBreaker({
    failuresInARow: 3,
    restMs: 1_000,
    clock: { now: () => nowMs },
    random: () => 0,
    onChange: (failure) => changes.push(failure),
  });
  const fail = (times: number): void => {
    for (let i = 0; i < times; i++) breaker.failed(`failure ${i}`);
  };
  return { breaker, changes, fail, pass: (byMs: number) => void (nowMs += byMs) };
}

describe('the circuit breaker', () => {
  it('opens after so many failures in a row, and says why', () => {
    const { breaker, changes, fail } = setUp();
    fail(2);
    breaker.succeeded();
    fail(2);
    expect(breaker.admit()).toBe(true);
    breaker.failed('the last straw');
    expect(breaker.admit()).toBe(false);
    expect(changes).toEqual(['the last straw']);
  });

  it('lets one caller try after its rest, and closes when that goes well', () => {
    const { breaker, changes, fail, pass } = setUp();
    fail(3);
    pass(499);
    expect(breaker.admit()).toBe(false);
    pass(1);
    expect([breaker.admit(), breaker.admit()]).toEqual([true, false]);
    breaker.succeeded();
    expect([breaker.admit(), breaker.admit()]).toEqual([true, true]);
    expect(changes).toEqual(['failure 2', undefined]);
  });

  it('rests again when the trial fails, and does not say so again', () => {
    const { breaker, changes, fail, pass } = setUp();
    fail(3);
    pass(500);
    breaker.admit();
    breaker.failed('still');
    expect(breaker.admit()).toBe(false);
    pass(500);
    expect(breaker.admit()).toBe(true);
    expect(changes).toHaveLength(1);
  });

  it('takes no notice of calls from before it opened', () => {
    const { breaker, fail } = setUp();
    fail(3);
    breaker.succeeded();
    breaker.failed('late');
    expect(breaker.admit()).toBe(false);
  });
});
