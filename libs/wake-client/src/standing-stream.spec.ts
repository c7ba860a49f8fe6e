import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import type { QuestionCall } from './question-stream.js';
import { StandingStream, reopening } from './standing-stream.js';

class FakeCall extends EventEmitter {
  cancel(): void {
    this.emit('status');
  }
  end(): this {
    return this;
  }
}

/** Jitter at its longest. */
const random = () => 1;

let calls: FakeCall[];
let stream: StandingStream;

beforeEach(() => {
  jest.useFakeTimers();
  calls = [];
  stream = new StandingStream(() => {
    const call = new FakeCall();
    calls.push(call);
    return call as unknown as QuestionCall;
  }, random);
});
afterEach(() => {
  stream.close();
  jest.useRealTimers();
});

/** Ends the stream that is open, and gives how long it took until the next one was. */
function pauseAfterEndMs(confirmed: boolean): number {
  const opened = calls.length;
  if (confirmed) calls.at(-1)?.emit('metadata');
  calls.at(-1)?.emit('status');
  const endedMs = performance.now();
  while (calls.length === opened && performance.now() - endedMs < 60_000) jest.advanceTimersByTime(100);
  return performance.now() - endedMs;
}

it('opens a stream at once', () => {
  expect(calls).toHaveLength(1);
});

it('waits longer each time for a wake-service that does not know the call, but not for ever', () => {
  const pausesMs = Array.from({ length: 8 }, () => pauseAfterEndMs(false));
  expect(pausesMs).toEqual([400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000]);
});

it('opens the next one soon when wake-service lets go of one that it had confirmed', () => {
  for (let n = 0; n < 5; n++) pauseAfterEndMs(false);
  expect(pauseAfterEndMs(true)).toBe(reopening.baseMs);
});

it('opens nothing after its end', () => {
  calls.at(-1)?.emit('status');
  stream.close();
  jest.advanceTimersByTime(60_000);
  expect(calls).toHaveLength(1);
  expect(jest.getTimerCount()).toBe(0);
});
