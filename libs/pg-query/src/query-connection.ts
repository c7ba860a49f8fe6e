// What a query connection does for whoever has one, such as the pool: a session at a compute that runs one request between two
// resets. socket-query-connection.ts does it.

import type { Socket } from 'node:net';
import type { AbortNotice } from '@pgwake/connect-core';
import type { Generation } from '@pgwake/ids';
import type { ComputeConnection, ComputeNetwork } from '@pgwake/pg-dial';
import type { QueryRequest } from './query-request.js';
import type { QueryFailure } from './request-exchange.js';
import type { ResultSink } from './result-sink.js';

export interface QueryConnectionSettings {
  /** A message of the compute that announces more ends the connection: RESULT_TOO_LARGE, before memory is taken for it. */
  readonly maxMessageBytes: number;
  /** How long a request may go on after its cancel was asked for. Then the connection is ended. */
  readonly cancelLimitMs: number;
  /** Left out: a compute that vanishes in the middle of an answer is noticed when the kernel gives up, or the caller does. */
  readonly watchSilence?: WatchSilence;
}

/**
 * Told of a socket to a compute, and whether something has to come from there: a machine that vanishes says nothing. Calls
 * `onLost` once, when it is sure of that. Gives what ends the watch.
 */
export type WatchSilence = (
  socket: Socket,
  listener: { readonly isAnswerDue: () => boolean; readonly onLost: (cause: Error) => void },
) => () => void;

export type QueryOutcome = { readonly kind: 'done' } | ({ readonly kind: 'failed' } & QueryFailure);

export interface QueryConnection {
  readonly generation: Generation;
  /** Of the backend, for logs and tests. */
  readonly pid: number;
  /** Nothing more can be sent. */
  readonly closed: boolean;
  /** Whether a request was taken on since the login or the last reset. */
  readonly touched: boolean;
  /** It was lost before anything of the request went out that it had taken on. */
  readonly lostUnsent: boolean;
  /**
   * Has the request sent by the end of this turn of the event loop. One at a time, and a reset before the next; anything
   * else is a mistake of the caller, which throws. Never rejects: QUERY_FAILED with all of Postgres' words,
   * COMPUTE_LOST_IN_QUERY when nobody knows what became of it, COMPUTE_LOST when nothing of it was sent, RESULT_TOO_LARGE.
   *
   * When `signal` is aborted the compute is asked to cancel, and the answer is the signal's reason (CLIENT_GONE unless it
   * is a GatewayError) as soon as it is certain that the cancel can hit nothing else, or that the connection is ended.
   */
  run(request: QueryRequest, sink: ResultSink, signal: AbortNotice): Promise<QueryOutcome>;
  /** Reads on after a sink asked to pause. */
  resume(): void;
  /**
   * Brings the session back to where the login left it. May be called as soon as `run` has returned its promise: then
   * the reset follows the request without a round trip. True: that is proven. False: end the connection, and not before
   * this has said so, since the request may still be under way.
   */
  reset(): Promise<boolean>;
  /** Whether the compute answers. Costs a round trip and no transaction. */
  check(): Promise<boolean>;
  /** Ends the session, whatever it does. */
  close(): void;
  /** Called once when nothing more can be sent, at once if that is so already. There is one listener. */
  onClosed(listener: () => void): void;
}

export interface QueryConnectionParts {
  readonly connection: ComputeConnection;
  readonly generation: Generation;
  /** Who logged in. */
  readonly user: string;
  readonly network: ComputeNetwork;
  readonly settings: QueryConnectionSettings;
}
