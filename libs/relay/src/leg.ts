// One side of a session: the sink of its duplex, and the way of its bytes to the other side. All that is done for a chunk is
// done here and in the scanner. So few objects on purpose: what many sessions keep is not in the CPU's caches when a chunk
// comes, and each object that it passes is another wait for memory.

import type { ByteDuplex, DuplexSink } from './duplex.js';
import type { HeaderScanner } from './header-scanner.js';

/** What a leg cannot decide alone. */
export interface LegEvents {
  /** The chunk goes nowhere. `stoodAtBorder`: it began between two messages. */
  onViolation(leg: Leg, stoodAtBorder: boolean): void;
  onHalfClosed(leg: Leg): void;
  onClosed(leg: Leg, cause: Error | undefined): void;
}

export class Leg implements DuplexSink {
  readonly duplex: ByteDuplex;
  /** What was done to it, or happened to it; only `open` is written to. */
  phase: 'open' | 'ended' | 'destroyed' | 'closed' = 'open';
  /** Of what it said, handed to the other side. */
  bytesPassedOn = 0;
  /** For who waits for the session to be idle. */
  afterChunk: (() => void) | undefined;
  readonly #scanner: HeaderScanner;
  readonly #events: LegEvents;
  #other: Leg | undefined;
  /** We read no more from it because the other side cannot take more. */
  #paused = false;

  constructor(duplex: ByteDuplex, scanner: HeaderScanner, events: LegEvents) {
    this.duplex = duplex;
    this.#scanner = scanner;
    this.#events = events;
  }

  static join(one: Leg, other: Leg): void {
    one.#other = other;
    other.#other = one;
  }

  /** The flow begins. */
  attach(): void {
    this.duplex.attach(this);
    // What was passed on before may already be more than the other side takes.
    if (this.#paused) this.duplex.pause();
  }

  onBytes(bytes: Uint8Array): void {
    const other = this.#other;
    if (other?.phase !== 'open') return; // nobody is there to read it
    const stoodAtBorder = this.#scanner.atBorder;
    if (!this.#scanner.scan(bytes)) return this.#events.onViolation(this, stoodAtBorder);
    this.bytesPassedOn += bytes.length;
    if (!other.duplex.write(bytes)) this.#pause();
    this.afterChunk?.();
  }

  /** Unsent bytes, whether these or any before them, stand in the way of all: the kernel takes them in order. */
  onLentBytes(bytes: Uint8Array): 'returned' | 'kept' {
    this.onBytes(bytes);
    return this.#other?.duplex.unsentBytes === 0 ? 'returned' : 'kept';
  }

  onDrain(): void {
    this.#other?.resume();
  }

  onEnd(): void {
    this.#events.onHalfClosed(this);
  }

  onClose(cause: Error | undefined): void {
    this.phase = 'closed';
    this.#events.onClosed(this, cause);
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.duplex.resume();
  }

  /** Half-closes it behind what was written. */
  end(): void {
    if (this.phase !== 'open') return;
    this.phase = 'ended';
    this.duplex.end();
  }

  destroy(): void {
    if (this.phase === 'destroyed' || this.phase === 'closed') return;
    this.phase = 'destroyed';
    this.duplex.destroy();
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.duplex.pause();
  }
}
