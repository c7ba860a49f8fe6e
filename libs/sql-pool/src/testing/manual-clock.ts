// Time for tests of the pool: it stands still until it is advanced.

import type { Clock } from '@pgwake/connect-core';
import type { Millis } from '@pgwake/ids';

export interface ManualClock extends Clock {
  /** Everything due up to then happens, in order; `settle` lets promises run in between. */
  advance(byMs: number, settle: () => Promise<void>): Promise<void>;
  /** Timers that nobody has freed. */
  readonly pending: number;
}

export function createManualClock(): ManualClock {
  let nowMs = 1_000;
  const timers = new Map<() => void, number>();

  /** Calls one of both, once: `due` after the delay, `aborted` when the signal is. Gives what frees the timer. */
  function start(delayMs: number, signal: AbortSignal, due: () => void, aborted: () => void): () => void {
    const free = (): void => {
      timers.delete(fire);
      signal.removeEventListener('abort', onAbort);
    };
    const fire = (): void => {
      free();
      due();
    };
    const onAbort = (): void => {
      free();
      aborted();
    };
    if (signal.aborted) {
      aborted();
      return free;
    }
    timers.set(fire, nowMs + delayMs);
    signal.addEventListener('abort', onAbort, { once: true });
    return free;
  }

  return {
    now: () => nowMs,

    get pending() {
      return timers.size;
    },

    sleep: (delay: Millis, signal: AbortSignal) =>
      new Promise((resolve, reject) => {
        start(delay, signal, resolve, () => reject(signal.reason as Error));
      }),

    timeout(delay: Millis, parent: AbortSignal) {
      const controller = new AbortController();
      const release = start(
        delay,
        parent,
        () => controller.abort(new Error('time is up')),
        () => controller.abort(parent.reason),
      );
      return { signal: controller.signal, release };
    },

    async advance(byMs, settle) {
      const untilMs = nowMs + byMs;
      await settle();
      for (;;) {
        const [next] = [...timers].sort(([, a], [, b]) => a - b);
        if (next === undefined || next[1] > untilMs) break;
        nowMs = next[1];
        next[0]();
        await settle();
      }
      nowMs = untilMs;
    },
  };
}
