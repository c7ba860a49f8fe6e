// Measures how late the event loop of this process is, window after window. Each window counts for itself: over the whole
// life of the process, today's lateness would be an outlier. What it means for clients is for `Lateness` to say.
//
// It is a timer of our own. `perf_hooks.monitorEventLoopDelay` forgets with each reset when it last ran, so a delay that
// begins there is lost: of a loop that is always late, every one.

import { Lateness } from '@pgwake/limits';

export interface EventLoopWatchOptions {
  /** 0: measure, and call nothing late. */
  readonly maxDelayMs: number;
  /** Called at the end of each window. `changed`: it is otherwise than it was. */
  readonly onWindow: (delayMs: number, isLate: boolean, changed: boolean) => void;
  /** Default: two seconds. */
  readonly windowMs?: number;
}

export interface EventLoopWatch {
  readonly isLate: boolean;
  close(): void;
}

const defaultWindowMs = 2_000;
/** A delay is measured shorter than it is by this at most. */
const tickMs = 50;

/**
 * Takes the longest delay of each window. A percentile would be the same: a window in which the loop stood still for long
 * has few ticks. It keeps no process alive.
 */
export function watchEventLoop(options: EventLoopWatchOptions): EventLoopWatch {
  const { maxDelayMs, onWindow, windowMs = defaultWindowMs } = options;
  const lateness = new Lateness(maxDelayMs);
  let windowBegunAt = performance.now();
  let lastTickAt = windowBegunAt;
  let longestMs = 0;

  const timer = setInterval(() => {
    const now = performance.now();
    longestMs = Math.max(longestMs, now - lastTickAt - tickMs);
    lastTickAt = now;
    if (now - windowBegunAt >= windowMs) endWindow(now);
  }, tickMs).unref();

  function endWindow(now: number): void {
    const delayMs = longestMs;
    const wasLate = lateness.isLate;
    longestMs = 0;
    windowBegunAt = now;
    lateness.observe(delayMs);
    onWindow(delayMs, lateness.isLate, lateness.isLate !== wasLate);
  }

  return {
    get isLate() {
      return lateness.isLate;
    },
    close: () => clearInterval(timer),
  };
}
