// Whether a compute is idle, from samples taken inside its Postgres. A client that merely holds a connection does not
// keep it awake; work does, and so does what would be lost or would fall behind. What was not seen counts as activity.

import { type Millis, millis } from '@pgwake/ids';

/** One look at Postgres. wake-service's own database and connections are left out of all of it. */
export interface ActivitySample {
  /** Only ever grow while a compute runs, and count client backends only: sessions begun, milliseconds spent active. */
  readonly sessions: number;
  readonly activeTimeMs: number;
  /** Client backends in any state but `idle`: at work, in a transaction, or unknown. */
  readonly busyBackends: number;
  /** Time since a client backend that is still there last changed its state; `undefined` when there is none. */
  readonly lastStateChangeAgoMs: Millis | undefined;
  /** Walsenders, active replication slots, running subscriptions, prepared transactions, long maintenance commands. */
  readonly holds: number;
}

/** What one generation has shown so far. Times are those of a monotonic clock, in milliseconds. */
export interface Idleness {
  /** Since when nothing has happened, `undefined` while something is happening. */
  readonly idleSinceMs: number | undefined;
  readonly sample: ActivitySample | undefined;
}

export const nothingSeen: Idleness = { idleSinceMs: undefined, sample: undefined };

export function isActive(sample: ActivitySample): boolean {
  return sample.busyBackends > 0 || sample.holds > 0;
}

/** Whether something happened between two samples, even if nothing of it is left to be seen. */
export function happenedBetween(earlier: ActivitySample, later: ActivitySample): boolean {
  return later.sessions !== earlier.sessions || later.activeTimeMs !== earlier.activeTimeMs;
}

/** `sample` is `undefined` when Postgres could not be asked: unknown is not idle. */
export function observeActivity(before: Idleness, sample: ActivitySample | undefined, nowMs: number): Idleness {
  if (!sample) return { idleSinceMs: undefined, sample: before.sample };
  if (isActive(sample)) return { idleSinceMs: undefined, sample };
  if (!before.sample || before.idleSinceMs === undefined || happenedBetween(before.sample, sample)) {
    return { idleSinceMs: nowMs, sample };
  }
  const lastChangeMs = sample.lastStateChangeAgoMs === undefined ? -Infinity : nowMs - sample.lastStateChangeAgoMs;
  return { idleSinceMs: Math.max(before.idleSinceMs, lastChangeMs), sample };
}

/** How much longer nothing must happen until the compute may be suspended; 0 when it may be now. */
export function idleTimeLeftMs(idleness: Idleness, idleSuspendAfterMs: Millis, nowMs: number): Millis {
  if (idleness.idleSinceMs === undefined) return idleSuspendAfterMs;
  return millis(Math.max(0, idleness.idleSinceMs + idleSuspendAfterMs - nowMs));
}
