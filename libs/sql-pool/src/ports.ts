// What the pool sees of the connections it keeps, and whom it tells what it does.

import type { Generation } from '@pgwake/ids';

/** A query connection, as far as the pool is concerned. */
export interface PooledConnection {
  /** Of the compute it is connected to. */
  readonly generation: Generation;
  /** Nothing more can be sent. */
  readonly closed: boolean;
  /** Whether it has taken on a request since it was opened or last reset. */
  readonly touched: boolean;
  /** It was lost before anything of the request went out that it had taken on. */
  readonly lostUnsent: boolean;
  /**
   * Waits for the request under way, then brings the session back to where it began. True: that is proven. Without any
   * request since, it is so at once. False: it may only be closed, or is. Never rejects.
   */
  reset(): Promise<boolean>;
  /** Whether the other side answers. Never rejects. */
  check(): Promise<boolean>;
  close(): void;
  /** Called once when nothing more can be sent, at once if that is so already. */
  onClosed(listener: () => void): void;
}

/** Why a connection left the pool. Also a metric label. */
export type CloseReason =
  /** By the other side, or by its own doubts. */
  | 'lost'
  | 'checkFailed'
  | 'resetFailed'
  /** A reset took too long. */
  | 'resetTimeout'
  /** The request did not want it kept. */
  | 'notKept'
  | 'idle'
  | 'aged'
  | 'worn'
  /** Its compute is gone or going. */
  | 'generationOver'
  /** Another login of the same endpoint needed its place. */
  | 'replaced'
  /** Another endpoint needed its place. */
  | 'evicted'
  | 'drained';

/** Told what happens, for metrics. Must return quickly and not throw. */
export interface PoolObserver {
  /** A request has a connection, so long after it asked for one; for an opened one without the time that took. */
  onServed(how: 'reused' | 'opened', waitedMs: number): void;
  /** A request got none. */
  onRefused(why: 'queueFull' | 'waitedTooLong'): void;
  /** Counted from the end of the request. */
  onReset(outcome: 'clean' | 'failed', tookMs: number): void;
  onClosed(reason: CloseReason): void;
}
