import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Deadlines } from './deadlines.js';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

describe('deadlines', () => {
  const setUp = () => {
    const due: string[] = [];
    const deadlines = new Deadlines<{ readonly name: string }>(1_000, ({ name }) => due.push(name));
    return {
      due,
      deadlines,
      add: (name: string) => deadlines.add({ name }, performance.now()),
    };
  };

  it('are told after the limit, each once, and not much later', () => {
    const { due, add } = setUp();
    add('first');
    jest.advanceTimersByTime(400);
    add('second');
    jest.advanceTimersByTime(599);
    expect(due).toEqual([]);
    jest.advanceTimersByTime(20);
    expect(due).toEqual(['first']);
    jest.advanceTimersByTime(380);
    expect(due).toEqual(['first']);
    jest.advanceTimersByTime(40);
    expect(due).toEqual(['first', 'second']);
    jest.advanceTimersByTime(5_000);
    expect(due).toEqual(['first', 'second']);
  });

  it('are not told of what was done before', () => {
    const { due, deadlines, add } = setUp();
    const done = add('done');
    jest.advanceTimersByTime(500);
    add('not done');
    deadlines.delete(done);
    jest.advanceTimersByTime(5_000);
    expect(due).toEqual(['not done']);
  });

  it('keep no timer when nothing is left', () => {
    const { deadlines, add } = setUp();
    deadlines.delete(add('done'));
    jest.advanceTimersByTime(5_000);
    expect(jest.getTimerCount()).toBe(0);
    add('another');
    expect(jest.getTimerCount()).toBe(1);
  });
});
