// Bytes both ways after the handover, until one side ends. It reads message headers to know where the session stands; it
// changes no byte, and adds at most one message: the last one to the client. It has no clock: whoever starts a relay
// watches for peers that never close (see `onBothEnded`).

import type { ByteDuplex } from './duplex.js';
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

/** One side of the session, and what was done to it so far. */
interface Leg {
  readonly duplex: ByteDuplex;
  /** What was done to it, or happened to it; only `open` is written to. */
  phase: 'open' | 'ended' | 'destroyed' | 'closed';
  /** We read no more from it because the other side cannot take more. */
  paused: boolean;
}

const createLeg = (duplex: ByteDuplex): Leg => ({ duplex, phase: 'open', paused: false });

class SessionRelay implements Relay {
  readonly ended: Promise<RelayEnding>;
  readonly #lastWords: RelayOptions['lastWords'];
  readonly #onBothEnded: RelayOptions['onBothEnded'];
  readonly #tracker = new SessionTracker();
  readonly #client: Leg;
  readonly #compute: Leg;
  #bytesUp = 0;
  #bytesDown = 0;
  #clientHalfClosed = false;
  #bothEnded = false;
  #idleFinish: Uint8Array | undefined;
  #firstEnd: Pick<RelayEnding, 'endedBy' | 'cause' | 'atEnd'> | undefined;
  #resolveEnded: (ending: RelayEnding) => void = () => undefined;

  constructor(options: RelayOptions) {
    // Not the options: they hold bytes that are done with once they were passed on.
    this.#lastWords = options.lastWords;
    this.#onBothEnded = options.onBothEnded;
    this.#client = createLeg(options.client);
    this.#compute = createLeg(options.compute);
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
    if (options.fromCompute) this.#forwardDown(options.fromCompute);
    if (options.fromClient) this.#forwardUp(options.fromClient);
    this.#attachClient();
    this.#attachCompute();
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
    this.#idleFinish = errorResponse;
    this.#finishIfIdle();
  }

  loseCompute(cause: Error): void {
    this.#onComputeGone(cause);
    destroyLeg(this.#compute);
  }

  destroy(cause?: Error): void {
    this.#bothEnded = true; // there is nothing to wait for
    this.#noteEnd('gateway', cause);
    destroyLeg(this.#client);
    destroyLeg(this.#compute);
  }

  #attachClient(): void {
    const leg = this.#client;
    leg.duplex.attach({
      onBytes: (bytes) => this.#forwardUp(bytes),
      onLentBytes: (bytes) => {
        this.#forwardUp(bytes);
        return stillNeeded(this.#compute.duplex);
      },
      onDrain: () => resumeLeg(this.#compute),
      onEnd: () => {
        this.#clientHalfClosed = true;
        this.#noteEnd('client', undefined);
        endLeg(this.#compute);
      },
      onClose: (cause) => {
        leg.phase = 'closed';
        this.#onClientClosed(cause);
        this.#resolveIfClosed();
      },
    });
    // The flow began; the residue may already be more than the other side takes.
    if (leg.paused) leg.duplex.pause();
  }

  #attachCompute(): void {
    const leg = this.#compute;
    leg.duplex.attach({
      onBytes: (bytes) => this.#forwardDown(bytes),
      onLentBytes: (bytes) => {
        this.#forwardDown(bytes);
        return stillNeeded(this.#client.duplex);
      },
      onDrain: () => resumeLeg(this.#client),
      onEnd: () => this.#onComputeGone(undefined),
      onClose: (cause) => {
        leg.phase = 'closed';
        this.#onComputeGone(cause);
        this.#resolveIfClosed();
      },
    });
    if (leg.paused) leg.duplex.pause();
  }

  #forwardUp(bytes: Uint8Array): void {
    if (this.#compute.phase !== 'open') return; // nobody is there to read it
    if (!this.#tracker.scanFromClient(bytes)) return this.#onViolation('client', this.#tracker.atComputeBorder);
    this.#bytesUp += bytes.length;
    if (!this.#compute.duplex.write(bytes)) pauseLeg(this.#client);
    if (this.#idleFinish) this.#finishIfIdle();
  }

  #forwardDown(bytes: Uint8Array): void {
    if (this.#client.phase !== 'open') return;
    const clientAtBorder = this.#tracker.atComputeBorder;
    if (!this.#tracker.scanFromCompute(bytes)) return this.#onViolation('compute', clientAtBorder);
    this.#bytesDown += bytes.length;
    if (!this.#client.duplex.write(bytes)) pauseLeg(this.#compute);
    if (this.#idleFinish) this.#finishIfIdle();
  }

  /** The chunk that holds the violation goes nowhere, so the other side has read whole messages or the beginning of one. */
  #onViolation(by: 'client' | 'compute', clientAtBorder: boolean): void {
    const state = this.#tracker.state();
    this.#noteEnd(by, new ProtocolViolation(`the ${by} sent a message of an impossible length`));
    if (clientAtBorder) this.#sayLastWords({ kind: 'violation', by, state });
    this.#endBoth();
  }

  #onClientClosed(cause: Error | undefined): void {
    // Clients that said Terminate often close with answers unread, which resets the connection: that is no failure.
    const failure = this.#tracker.clientTerminated ? undefined : cause;
    this.#noteEnd('client', failure);
    // After a reset nobody waits for answers; after an orderly end the compute still gets all that was sent.
    if (failure) destroyLeg(this.#compute);
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

  #finishIfIdle(): void {
    if (this.#idleFinish && this.#tracker.state() === 'idle') this.finish(this.#idleFinish);
  }

  #noteEnd(endedBy: RelayEnding['endedBy'], cause: Error | undefined): void {
    this.#firstEnd ??= { endedBy, cause, atEnd: this.#tracker.state() };
  }

  #endBoth(): void {
    endLeg(this.#client);
    endLeg(this.#compute);
    // What still comes is dropped, but it must be read: the peer's own end stands behind it.
    resumeLeg(this.#client);
    resumeLeg(this.#compute);
    if (this.#bothEnded) return;
    this.#bothEnded = true;
    this.#onBothEnded?.();
  }

  #resolveIfClosed(): void {
    if (this.#client.phase !== 'closed' || this.#compute.phase !== 'closed' || !this.#firstEnd) return;
    this.#resolveEnded({ ...this.#firstEnd, bytesUp: this.#bytesUp, bytesDown: this.#bytesDown });
  }
}

/** Of the bytes just written, or of any before them: then they stand behind those. */
function stillNeeded({ unsentBytes }: ByteDuplex): 'returned' | 'kept' {
  return unsentBytes === 0 ? 'returned' : 'kept';
}

function pauseLeg(leg: Leg): void {
  if (leg.paused) return;
  leg.paused = true;
  leg.duplex.pause();
}

function resumeLeg(leg: Leg): void {
  if (!leg.paused) return;
  leg.paused = false;
  leg.duplex.resume();
}

function endLeg(leg: Leg): void {
  if (leg.phase !== 'open') return;
  leg.phase = 'ended';
  leg.duplex.end();
}

function destroyLeg(leg: Leg): void {
  if (leg.phase === 'destroyed' || leg.phase === 'closed') return;
  leg.phase = 'destroyed';
  leg.duplex.destroy();
}
