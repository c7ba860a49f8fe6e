// What the journey needs from outside. Adapters implement these; tests implement them by scripts.

import type { GatewayError } from '@pgwake/gateway-errors';
import type { EndpointId, Millis } from '@pgwake/ids';
import type { WakeOutcome, WakeRequest } from '@pgwake/wake-api';
import type { CachedNode, DialableNode, NodeInfo, SuspectNode } from './node.js';

/** Monotonic time. */
export interface Clock {
  /** Milliseconds since an arbitrary start; never goes back. */
  now(): number;
  /** Resolves after `delay`. Rejects with the signal's reason as soon as it is aborted, at once if it already is. */
  sleep(delay: Millis, signal: AbortSignal): Promise<void>;
  /** A signal that is aborted after `delay` or with its parent (at once if that already is). `release` frees the timer. */
  timeout(delay: Millis, parent: AbortSignal): { readonly signal: AbortSignal; release(): void };
}

/** A number in [0, 1). */
export type Random = () => number;

/** One attempt: socket, TLS, login, proof of identity. The only thing that differs between TCP, WebSocket and HTTP. */
export interface Mechanism<Connection> {
  /**
   * Never throws. Every library's error is turned into a GatewayError of the catalogue by the mechanism's own classify
   * file. When `attempt.signal` is aborted it gives up at once, leaves no socket behind and answers COMPUTE_DIAL_TIMEOUT:
   * the driver knows by itself when it was the client who left or the journey's deadline that passed.
   */
  dialOnce(node: DialableNode, attempt: DialAttempt): Promise<DialOutcome<Connection>>;
  /** Ends a connection that nobody wants any more, e.g. when the client left while it was being made. */
  discard(connection: Connection): void;
}

export interface DialAttempt {
  /** Aborted at the end of this attempt's own time limit, of the journey's deadline, or when the client leaves. */
  readonly signal: AbortSignal;
  /**
   * To be called when the server begins to answer the login: at its first Authentication message. Then the address is
   * known to work and the clients that wait for it dial too. Best not called for an ErrorResponse ("starting up"):
   * every waiter would run into the same answer. Further calls do nothing.
   */
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

/** Asks wake-service, one call at a time per endpoint. Rejects only with a GatewayError or the signal's reason. */
export interface WakePort {
  wake(request: WakeRequest, signal: AbortSignal): Promise<WakeOutcome>;
}

/** The node cache. Reads and writes are quick and never fail: a broken cache is a miss. */
export interface NodeCachePort {
  get(endpoint: EndpointId): Promise<CachedNode | undefined>;
  /** What `get` would find without asking anybody else, for who decides and evicts nothing with it. */
  peek(endpoint: EndpointId): NodeInfo | undefined;
  /**
   * Stores a node after a proven dial. A lower generation never replaces a higher one, and what was evicted stays away
   * until wake-service names it anew, otherwise a slow winner would bring a dead address back.
   */
  put(node: NodeInfo): Promise<void>;
  /**
   * Compare-and-delete: removes what wake-service had said up to the suspect's generation and instant, nothing newer.
   * Consumes the handle: a second use throws.
   */
  evict(suspect: SuspectNode): Promise<void>;
}
