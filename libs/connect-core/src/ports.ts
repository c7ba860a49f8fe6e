// What the journey needs from outside. Adapters implement these; tests implement them by scripts.

import type { GatewayError } from '@pgwake/gateway-errors';
import type { EndpointId, Generation, Millis } from '@pgwake/ids';
import type { WakeOutcome, WakeRequest } from '@pgwake/wake-api';
import type { CachedNode, DialableNode, NodeInfo, SuspectNode } from './node.js';

/** Monotonic time. */
export interface Clock {
  /** Milliseconds since an arbitrary start; never goes back. */
  now(): number;
  /** Resolves after `delay`, or rejects with the signal's reason as soon as it is aborted. */
  sleep(delay: Millis, signal: AbortSignal): Promise<void>;
  /** A signal that is aborted after `delay` or with its parent. `release` frees the timer. */
  timeout(delay: Millis, parent: AbortSignal): { readonly signal: AbortSignal; release(): void };
}

/** A number in [0, 1). */
export type Random = () => number;

/** One attempt: socket, TLS, login, proof of identity. The only thing that differs between TCP, WebSocket and HTTP. */
export interface Mechanism<Connection> {
  /**
   * Never throws. Every library's error is turned into a {@link GatewayError} of the catalogue by the mechanism's own
   * classify file. Gives up when `attempt.signal` is aborted, and leaves no socket behind then.
   */
  dialOnce(node: DialableNode, attempt: DialAttempt): Promise<DialOutcome<Connection>>;
  /** Ends a connection that nobody wants any more, e.g. when the client left while it was being made. */
  discard(connection: Connection): void;
}

export interface DialAttempt {
  /** Aborted at the end of this attempt's own time limit, of the journey's deadline, or when the client leaves. */
  readonly signal: AbortSignal;
  /** To be called at the first byte from the server: from then on the address is known to answer. At most once. */
  readonly onServerByte: () => void;
}

export type DialOutcome<Connection> =
  { readonly ok: true; readonly connection: Connection } | { readonly ok: false; readonly failure: DialFailure };

export interface DialFailure {
  /** Its catalogue entry holds both verdicts. */
  readonly error: GatewayError;
  /** Whether the right endpoint and generation had proven itself before the failure; then the answer is the truth. */
  readonly proven: boolean;
}

/** Asks wake-service. Rejects only with a GatewayError (WAKE_SERVICE_UNAVAILABLE, ...) or the signal's reason. */
export interface WakePort {
  wake(request: WakeRequest, signal: AbortSignal): Promise<WakeOutcome>;
}

/** The node cache. Reads and writes are quick and never fail: a broken cache is a miss. */
export interface NodeCachePort {
  get(endpoint: EndpointId): Promise<CachedNode | undefined>;
  /** Stores a node after a proven dial. Wins only over an absent or a lower generation. */
  put(node: NodeInfo): Promise<void>;
  /** Compare-and-delete: removes only the generation that the suspect names. Consumes the handle: a second use throws. */
  evict(suspect: SuspectNode): Promise<void>;
  /** What `generation` is held now, for tests and logs. */
  peek(endpoint: EndpointId): Generation | undefined;
}
