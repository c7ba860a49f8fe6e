// What the relay needs from a connection, whatever carries it. The adapters (sockets, WebSocket) live elsewhere.

/**
 * A byte stream both ways over TCP, TLS or WebSocket. It stands still until a sink is attached, and has one sink at a time.
 * Bytes given to `onBytes` are the sink's: they are neither reused nor changed afterwards. After the close, calls do nothing.
 */
export interface ByteDuplex {
  /** Starts the flow of bytes and events into `sink`, never before this call has returned. */
  attach(sink: DuplexSink): void;
  /** Stops the flow; the sink hears nothing more. */
  detach(): void;
  /** Takes all of `bytes`. `false` asks to write no more until `onDrain`, otherwise memory grows with the slowest reader. */
  write(bytes: Uint8Array): boolean;
  /**
   * How much of what was written is still needed. While that is nothing, every array ever written is its owner's again.
   * Absent where that is never known.
   */
  readonly unsentBytes?: number;
  /** No more `onBytes` until `resume`, save for what is already on its way. */
  pause(): void;
  resume(): void;
  /** Half-close after everything written has gone out. Reading goes on. */
  end(): void;
  /** At once, both directions; what was written and not yet sent is lost. */
  destroy(): void;
  /** Absent where nobody can tell. */
  readonly outgoing?: OutgoingProgress | undefined;
}

/** How far the written bytes have got, as Node's sockets say it. To be sampled, never per chunk. */
export interface OutgoingProgress {
  /** Counts at least all bytes that ever had to wait, those that still do included. */
  readonly bytesWritten: number;
  /** Bytes that wait in this process because the system takes no more. */
  readonly writableLength: number;
}

export interface DuplexSink {
  onBytes(bytes: Uint8Array): void;
  /**
   * In place of `onBytes`, from a duplex that reads into the same memory again: the bytes are lent until this returns.
   * `kept`: somebody still needs them, so they are the sink's, as those of `onBytes` are.
   */
  onLentBytes?(bytes: Uint8Array): 'returned' | 'kept';
  /** After a `write` that returned `false`: write again. */
  onDrain(): void;
  /** The peer half-closed: no more bytes come. */
  onEnd(): void;
  /** Both directions are over. Comes exactly once, last. `cause` when it was no orderly end. */
  onClose(cause: Error | undefined): void;
}
