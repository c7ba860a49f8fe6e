import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { StallWatch } from './stall-watch.js';

const timeoutMs = 1_000;

/** A connection as a watch sees it. */
class Outgoing {
  bytesWritten = 0;
  writableLength = 0;

  write(bytes: number): void {
    this.bytesWritten += bytes;
    this.writableLength += bytes;
  }
  send(bytes: number): void {
    this.writableLength -= bytes;
  }
}

let outgoing: Outgoing;
let stalls: number;
const onStall = () => void (stalls += 1);

beforeEach(() => {
  jest.useFakeTimers();
  outgoing = new Outgoing();
  stalls = 0;
});
afterEach(() => {
  jest.useRealTimers();
});

describe('a stall', () => {
  it('is told once, when nothing was taken for the time', () => {
    new StallWatch(timeoutMs).watch(outgoing, onStall);
    outgoing.write(100);
    jest.advanceTimersByTime(timeoutMs - 1);
    expect(stalls).toBe(0);
    jest.advanceTimersByTime(timeoutMs / 4);
    expect(stalls).toBe(1);
    jest.advanceTimersByTime(10 * timeoutMs);
    expect(stalls).toBe(1);
  });

  it('is told of a client that stops in the middle of its life', () => {
    new StallWatch(timeoutMs).watch(outgoing, onStall);
    for (let round = 0; round < 20; round += 1) {
      outgoing.write(100);
      outgoing.send(90);
      jest.advanceTimersByTime(timeoutMs / 2);
    }
    expect(stalls).toBe(0);
    jest.advanceTimersByTime(timeoutMs * 1.25);
    expect(stalls).toBe(1);
  });
});

describe('no stall', () => {
  it.each([
    ['nothing is there to take, as during a slow query', () => undefined],
    [
      'everything is taken at once',
      () => {
        outgoing.write(100);
        outgoing.send(100);
      },
    ],
    [
      'as much waits as before, but it is something else',
      () => {
        outgoing.write(100);
        outgoing.send(outgoing.writableLength - 50);
      },
    ],
  ])('is told while %s', (_what, act: () => void) => {
    new StallWatch(timeoutMs).watch(outgoing, onStall);
    for (let round = 0; round < 20; round += 1) {
      act();
      jest.advanceTimersByTime(timeoutMs / 4);
    }
    expect(stalls).toBe(0);
  });

  it('is told after the end of the session, nor where the time is 0', () => {
    const unwatch = new StallWatch(timeoutMs).watch(outgoing, onStall);
    new StallWatch(0).watch(outgoing, onStall);
    outgoing.write(100);
    unwatch();
    jest.advanceTimersByTime(10 * timeoutMs);
    expect(stalls).toBe(0);
  });
});

describe('the timer', () => {
  it('is one for all, and none for nobody', () => {
    const watch = new StallWatch(timeoutMs);
    expect(jest.getTimerCount()).toBe(0);
    const unwatches = Array.from({ length: 100 }, () => watch.watch(new Outgoing(), onStall));
    expect(jest.getTimerCount()).toBe(1);
    for (const unwatch of unwatches) unwatch();
    expect(jest.getTimerCount()).toBe(0);
  });
});
