// When an endpoint's compute dies again and again, further wakes are answered at once for a while instead of burning a
// start for every client. After the pause one start is tried; it either breaks the row or lengthens the pause.

import { type Millis, millis } from '@pgwake/ids';
import type { FailedStarts } from './endpoint-record.js';

/** Pauses after the 3rd, 4th, ... failure in a row: 1, 2, 4, 8, 16, 32, 60, 60 ... seconds. */
export const crashLoop = {
  failuresBeforePause: 3,
  firstPauseMs: 1_000,
  factor: 2,
  longestPauseMs: 60_000,
  /** Failures with a longer gap since the last one are no row any more. */
  forgottenAfterMs: 600_000,
  /** A compute that ends sooner than this after its start counts as a failed start. */
  stableAfterMs: 10_000,
} as const;

/** How much longer to refuse starts; 0 when one may be tried now. */
export function pauseLeftMs(failed: FailedStarts | undefined): Millis {
  if (!failed || failed.count < crashLoop.failuresBeforePause || failed.lastAgoMs >= crashLoop.forgottenAfterMs) {
    return millis(0);
  }
  const doublings = failed.count - crashLoop.failuresBeforePause;
  const pauseMs = Math.min(crashLoop.longestPauseMs, crashLoop.firstPauseMs * crashLoop.factor ** doublings);
  return millis(Math.max(0, pauseMs - failed.lastAgoMs));
}
