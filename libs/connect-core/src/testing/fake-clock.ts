// Virtual time for tests: timers fire in order, at once, as soon as nothing else can go on.

import type { Millis } from '@pgwake/ids';
import type { Clock } from '../ports.js';

interface Timer {
  readonly atMs: number;
  readonly fire: () => void;
}

export interface FakeClock extends Clock {
  /** Lets everything run, jumping from timer to timer, until the work has settled. Throws if it hangs without a timer. */
  run<T>(work: Promise<T>): Promise<T>;
  /** Lets everything run up to this much later. */
  advance(byMs: number): Promise<void>;
  /** Timers and sleeps that nobody has freed. */
  readonly pending: number;
  /** All delays that were slept for, in order. */
  readonly sleeps: readonly number[];
}

/** `settle` lets pending promises run, e.g. one turn of the event loop. */
export function createFakeClock(settle: () => Promise<void>): FakeClock {
  let nowMs = 1_000;
  let timers: Timer[] = [];
  const sleeps: number[] = [];

  const start = (delayMs: number, fire: () => void): Timer => {
    const timer = { atMs: nowMs + delayMs, fire };
    timers.push(timer);
    return timer;
  };
  const stop = (timer: Timer): void => {
    timers = timers.filter((other) => other !== timer);
  };
  const next = (): Timer | undefined => {
    let first: Timer | undefined;
    for (const timer of timers) if (first === undefined || timer.atMs < first.atMs) first = timer;
    return first;
  };
  const fire = (timer: Timer): void => {
    nowMs = timer.atMs;
    stop(timer);
    timer.fire();
  };

  return {
    now: () => nowMs,
    get pending() {
      return timers.length;
    },
    sleeps,

    sleep(delay: Millis, signal: AbortSignal): Promise<void> {
      if (signal.aborted) return Promise.reject(signal.reason as Error);
      sleeps.push(delay);
      return new Promise((resolve, reject) => {
        const onAbort = (): void => {
          stop(timer);
          reject(signal.reason as Error);
        };
        const timer = start(delay, () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        });
        signal.addEventListener('abort', onAbort, { once: true });
      });
    },

    timeout(delay: Millis, parent: AbortSignal) {
      const controller = new AbortController();
      const onAbort = (): void => {
        stop(timer);
        controller.abort(parent.reason);
      };
      const timer = start(delay, () => {
        parent.removeEventListener('abort', onAbort);
        controller.abort(new Error('time is up'));
      });
      if (parent.aborted) onAbort();
      else parent.addEventListener('abort', onAbort, { once: true });
      const release = (): void => {
        stop(timer);
        parent.removeEventListener('abort', onAbort);
      };
      return { signal: controller.signal, release };
    },

    async run<T>(work: Promise<T>): Promise<T> {
      let over = false;
      const end = work.finally(() => (over = true));
      end.catch(() => undefined);
      for (;;) {
        await settle();
        if (over) return end;
        const timer = next();
        if (timer === undefined) throw new Error('nothing can go on: the work waits for something that never comes');
        fire(timer);
      }
    },

    async advance(byMs: number): Promise<void> {
      const untilMs = nowMs + byMs;
      for (;;) {
        await settle();
        const timer = next();
        if (timer === undefined || timer.atMs > untilMs) break;
        fire(timer);
      }
      nowMs = untilMs;
      await settle();
    },
  };
}
