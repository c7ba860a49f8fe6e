// The one time limit of a journey, as a value and as a signal. Whoever waits, waits for `min(delay, what is left)`.

import { millis } from '@pgwake/ids';
import type { Clock } from './ports.js';

export interface Deadline {
  /** Aborted when the time is up or the client has left. */
  readonly signal: AbortSignal;
  leftMs(): number;
  /** Rejects with the signal's reason when it is aborted meanwhile. Resolves to the time slept. */
  sleep(delayMs: number): Promise<number>;
  /** Frees the timer. */
  release(): void;
}

export function startDeadline(clock: Clock, lengthMs: number, client: AbortSignal): Deadline {
  const startedAt = clock.now();
  const { signal, release } = clock.timeout(millis(lengthMs), client);
  const leftMs = (): number => Math.max(0, startedAt + lengthMs - clock.now());
  const sleep = async (delayMs: number): Promise<number> => {
    const from = clock.now();
    await clock.sleep(millis(Math.min(delayMs, leftMs())), signal);
    return clock.now() - from;
  };
  return { signal, leftMs, sleep, release };
}

/**
 * The work's own outcome, unless the signal is aborted first: then rejects at once with the signal's reason, and a value
 * that comes too late goes to `onLate`.
 */
export function orAborted<T>(work: Promise<T>, signal: AbortSignal, onLate?: (value: T) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    let over = false;
    const onAbort = (): void => {
      over = true;
      reject(signal.reason);
    };
    const settle = (finish: () => void, late: () => void): void => {
      if (over) return late();
      signal.removeEventListener('abort', onAbort);
      finish();
    };
    work.then(
      (value) =>
        settle(
          () => resolve(value),
          () => onLate?.(value),
        ),
      (error: unknown) =>
        settle(
          () => reject(error as Error),
          () => undefined,
        ),
    );
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}
