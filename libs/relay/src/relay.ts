// Bytes both ways after the handover, until one side ends. It reads message headers to know where the session stands; it
// changes no byte, and adds at most one message: the last one to the client. It has no clock: whoever starts a relay
// watches for peers that never close (see `onBothEnded`).

import type { ByteDuplex } from './duplex.js';
import { Leg, type LegEvents } from './leg.js';
import { SessionTracker } from './session-tracker.js';
import { isQueryOut, type SessionState } from './session-state.js';

export interface RelayOptions {
  readonly client: ByteDuplex;
  readonly compute: ByteDuplex;
  /** Bytes read past the handover. They go first. */
  readonly fromClient?: Uint8Array | undefined;
  readonly fromCompute?: Uint8Array | undefined;
  /**
   * The last words to the client, an encoded ErrorResponse. Called at most once, only while the client still listens, was
   * not told by the compute itself, and the compute's stream stands between two messages; inside one the client is just
   * closed, otherwise it would read the words as data.
   */
  readonly lastWords?: ((loss: SessionLoss) => Uint8Array | undefined) | undefined;
  /**
   * Called once, when both sides were told that it is over and are only expected to read the rest and close. A peer that
   * does not, keeps a connection for nothing until `destroy` is called: start the timer for that here.
   */
  readonly onBothEnded?: (() => void) | undefined;
}

/** Why a session ends although neither side wished it. */
export type SessionLoss =
  /** SQLSTATE 08006, or 08007 when `isQueryOut(state)`. */
  | { readonly kind: 'computeLost'; readonly state: SessionState; readonly cause: Error | undefined }
  /** SQLSTATE 08P01 */
  | { readonly kind: 'violation'; readonly by: 'client' | 'compute'; readonly state: SessionState };

export interface RelayEnding {
  /** Who ended first. A client that said Terminate ended first, whoever closes first. */
  readonly endedBy: 'client' | 'compute' | 'gateway';
  /** Absent at an orderly end; a {@link ProtocolViolation} when `endedBy` sent a message of an impossible length. */
  readonly cause: Error | undefined;
  /** Bytes relayed to the compute. */
  readonly bytesUp: number;
  /** Bytes relayed to the client, without last words. */
  readonly bytesDown: number;
  /** When the first side ended. */
  readonly atEnd: SessionState;
}

export class ProtocolViolation extends Error {
  override readonly name = 'ProtocolViolation';
}

export interface Relay {
  /** Resolves when both sides are closed. Never rejects. */
  readonly ended: Promise<RelayEnding>;
  state(): SessionState;
  /**
   * Ends both sides once what is under way to them was sent; the client reads `errorResponse` last, if the compute's
   * stream stands between two messages. Does nothing when the session is ending already.
   */
  finish(errorResponse: Uint8Array): void;
  /** `finish` as soon as the session is idle: now, or after the answer that makes it so. */
  finishWhenIdle(errorResponse: Uint8Array): void;
  /** As if the compute had closed, for one that is gone without having done so. */
  loseCompute(cause: Error): void;
  /** Closes both sides at once, without a word; what they have not read yet is lost. */
  destroy(cause?: Error): void;
}

export function startRelay(options: RelayOptions): Relay {
  return new SessionRelay(options);
}

class SessionRelay implements Relay, LegEvents {
  readonly ended: Promise<RelayEnding>;
  readonly #lastWords: RelayOptions['lastWords'];
  readonly #onBothEnded: RelayOptions['onBothEnded'];
  readonly #tracker = new SessionTracker();
  readonly #client: Leg;
  readonly #compute: Leg;
  #clientHalfClosed = false;
  #bothEnded = false;
  #firstEnd: Pick<RelayEnding, 'endedBy' | 'cause' | 'atEnd'> | undefined;
  #resolveEnded: (ending: RelayEnding) => void = () => undefined;

  constructor(options: RelayOptions) {
    // Not the options: they hold bytes that are done with once they were passed on.
    this.#lastWords = options.lastWords;
    this.#onBothEnded = options.onBothEnded;
    this.#client = new Leg(options.client, this.#tracker.fromClient, this);
    this.#compute = new Leg(options.compute, this.#tracker.fromCompute, this);
    Leg.join(this.#client, this.#compute);
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    // A write of nothing is a system call all the same.
    if (options.fromCompute?.length) this.#compute.onBytes(options.fromCompute);
    if (options.fromClient?.length) this.#client.onBytes(options.fromClient);
    this.#client.attach();
    this.#compute.attach();
  }

  state(): SessionState {
    return this.#tracker.state();
  }

  finish(errorResponse: Uint8Array): void {
    if (this.#client.phase !== 'open') return;
    this.#noteEnd('gateway', undefined);
    if (this.#tracker.atComputeBorder) this.#client.duplex.write(errorResponse);
    this.#endBoth();
  }

  finishWhenIdle(errorResponse: Uint8Array): void {
    const finishIfIdle = (): void => {
      if (this.#tracker.state() === 'idle') this.finish(errorResponse);
    };
    this.#client.afterChunk = finishIfIdle;
    this.#compute.afterChunk = finishIfIdle;
    finishIfIdle();
  }

  loseCompute(cause: Error): void {
    this.#onComputeGone(cause);
    this.#compute.destroy();
  }

  destroy(cause?: Error): void {
    this.#bothEnded = true; // there is nothing to wait for
    this.#noteEnd('gateway', cause);
    this.#client.destroy();
    this.#compute.destroy();
  }

  /** The chunk goes nowhere, so the other side has read whole messages or the beginning of one. */
  onViolation(leg: Leg, stoodAtBorder: boolean): void {
    const by = leg === this.#client ? 'client' : 'compute';
    const clientAtBorder = by === 'compute' ? stoodAtBorder : this.#tracker.atComputeBorder;
    const state = this.#tracker.state();
    this.#noteEnd(by, new ProtocolViolation(`the ${by} sent a message of an impossible length`));
    if (clientAtBorder) this.#sayLastWords({ kind: 'violation', by, state });
    this.#endBoth();
  }

  onHalfClosed(leg: Leg): void {
    if (leg === this.#compute) return this.#onComputeGone(undefined);
    this.#clientHalfClosed = true;
    this.#noteEnd('client', undefined);
    this.#compute.end();
  }

  onClosed(leg: Leg, cause: Error | undefined): void {
    if (leg === this.#compute) this.#onComputeGone(cause);
    else this.#onClientClosed(cause);
    this.#resolveIfClosed();
  }

  #onClientClosed(cause: Error | undefined): void {
    // Clients that said Terminate often close with answers unread, which resets the connection: that is no failure.
    const failure = this.#tracker.clientTerminated ? undefined : cause;
    this.#noteEnd('client', failure);
    // After a reset nobody waits for answers; after an orderly end the compute still gets all that was sent.
    if (failure) this.#compute.destroy();
    else this.#endBoth();
  }

  /** A server that ends its stream has ended the session: Postgres does not half-close. */
  #onComputeGone(cause: Error | undefined): void {
    if (this.#client.phase !== 'open') return;
    const tracker = this.#tracker;
    const state = tracker.state();
    const clientListens = !tracker.clientTerminated && (!this.#clientHalfClosed || isQueryOut(state));
    if (tracker.clientTerminated) this.#noteEnd('client', undefined);
    else this.#noteEnd('compute', cause);
    if (clientListens && tracker.atComputeBorder && !tracker.computeSaidWhy) {
      this.#sayLastWords({ kind: 'computeLost', state, cause });
    }
    this.#endBoth();
  }

  #sayLastWords(loss: SessionLoss): void {
    const words = this.#lastWords?.(loss);
    if (words) this.#client.duplex.write(words);
  }

  #noteEnd(endedBy: RelayEnding['endedBy'], cause: Error | undefined): void {
    this.#firstEnd ??= { endedBy, cause, atEnd: this.#tracker.state() };
  }

  #endBoth(): void {
    this.#client.end();
    this.#compute.end();
    // What still comes is dropped, but it must be read: the peer's own end stands behind it.
    this.#client.resume();
    this.#compute.resume();
    if (this.#bothEnded) return;
    this.#bothEnded = true;
    this.#onBothEnded?.();
  }

  #resolveIfClosed(): void {
    if (this.#client.phase !== 'closed' || this.#compute.phase !== 'closed' || !this.#firstEnd) return;
    this.#resolveEnded({
      ...this.#firstEnd,
      bytesUp: this.#client.bytesPassedOn,
      bytesDown: this.#compute.bytesPassedOn,
    });
  }
}
