// The vocabulary of one journey, from "this client wants that endpoint" to a logged-in connection or the error it reads.

import type { ErrorCode, GatewayError } from '@pgwake/gateway-errors';
import type { EndpointId, Generation, SessionId } from '@pgwake/ids';
import type { StartKind } from '@pgwake/wake-api';
import type { NodeInfo } from './node.js';
import type { Mechanism } from './ports.js';

export interface Journey<Connection> {
  readonly endpoint: EndpointId;
  readonly sessionId: SessionId;
  /** For error texts that read like a failed login. Never used to decide anything. */
  readonly user: string;
  readonly mechanism: Mechanism<Connection>;
  /** Aborted when the client has left. */
  readonly signal: AbortSignal;
  /** Told of every step as it happens, e.g. to send a NOTICE while the compute wakes. Must return quickly and not throw. */
  readonly observer?: (event: JourneyEvent) => void;
}

export type JourneyResult<Connection> =
  | { readonly ok: true; readonly connection: Connection; readonly node: NodeInfo; readonly report: JourneyReport }
  | { readonly ok: false; readonly error: GatewayError; readonly report: JourneyReport };

export type JourneyStep =
  | { readonly kind: 'cacheHit'; readonly generation: Generation }
  | { readonly kind: 'cacheMiss' }
  /** `because`: what the cached address failed with; `outdated`: other journeys had found out already. */
  | { readonly kind: 'evicted'; readonly generation: Generation; readonly because: ErrorCode | 'outdated' }
  /** A wake call was made for this journey, perhaps one that others wait for too. */
  | { readonly kind: 'waking'; readonly wakeAttempt: number }
  | { readonly kind: 'wakeFailed'; readonly error: GatewayError; readonly retryInMs: number | undefined }
  | { readonly kind: 'woken'; readonly generation: Generation; readonly startKind: StartKind }
  | {
      readonly kind: 'dialFailed';
      readonly dialAttempt: number;
      readonly origin: 'cached' | 'fresh';
      readonly generation: Generation;
      readonly error: GatewayError;
      /** What the verdict was, e.g. `replace`. */
      readonly verdict: 'stop' | 'dialAgain' | 'replace';
    }
  | {
      readonly kind: 'dialled';
      readonly dialAttempt: number;
      readonly origin: 'cached' | 'fresh';
      readonly generation: Generation;
    };

/** A step and when it happened, counted from the start of the journey. */
export type JourneyEvent = JourneyStep & { readonly atMs: number };

/** For the one log line and the metrics of a journey. The four phases and the time between them make up `totalMs`. */
export interface JourneyReport {
  readonly dialAttempts: number;
  /** Wake calls this journey waited for, its own and shared ones. */
  readonly wakeAttempts: number;
  /** Waiting for wake-service, the pauses between its failures included. */
  readonly wakeWaitMs: number;
  readonly dialMs: number;
  /** Pauses before dialling again. */
  readonly sleepMs: number;
  /** Waiting for the address to answer somebody else, or for a free place among the dials in flight. */
  readonly queueMs: number;
  readonly totalMs: number;
  /** Of the last wake; absent when the cache was enough. */
  readonly startKind?: StartKind;
  readonly steps: readonly JourneyEvent[];
}
