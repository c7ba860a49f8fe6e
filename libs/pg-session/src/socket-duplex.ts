// A net or TLS socket as the relay's ByteDuplex. Listeners are attached once for the socket's whole life, so there is
// never a moment without an 'error' listener, and no closure is made per chunk.

import type { Socket } from 'node:net';
import type { LendingReads } from '@pgwake/lending-reads';
import type { ByteDuplex, DuplexSink, OutgoingProgress } from '@pgwake/relay';

/** An idle peer that vanished is noticed 10 s later: libuv probes ten times, a second apart. */
const keepAliveMs = 30_000;

/**
 * Takes the socket over; nobody else may read from or write to it afterwards, except TLS started on top of it through
 * {@link SocketDuplex.surrender}. The socket must have been made with `allowHalfOpen`.
 */
export class SocketDuplex implements ByteDuplex {
  readonly #socket: Socket;
  readonly #carrier: Socket;
  #sink: DuplexSink | undefined;
  #cause: Error | undefined;
  #surrendered = false;
  /** What happened while nobody was attached; told to the next sink. */
  #missed: 'nothing' | 'end' | 'close' = 'nothing';

  /** `carrier`: the TCP socket under a TLS socket. */
  constructor(socket: Socket, carrier: Socket = socket) {
    this.#socket = socket;
    this.#carrier = carrier;
    socket.pause();
    socket.setNoDelay(true);
    socket.setKeepAlive(true, keepAliveMs);
    socket.on('data', this.#onData);
    socket.on('drain', this.#onDrain);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
    // A compute may have died between its login and the handover; its events are over by now.
    if (socket.destroyed) this.#missed = 'close';
    else if (socket.readableEnded) this.#missed = 'end';
    this.#cause = socket.errored ?? undefined;
  }

  /** The sink is lent what that socket, which was made with these `reads`, reads. Before anybody is attached. */
  borrow(reads: LendingReads | undefined): this {
    reads?.lend(this.#onLentBytes);
    return this;
  }

  attach(sink: DuplexSink): void {
    if (this.#sink !== undefined) throw new Error('a duplex has one sink at a time');
    this.#sink = sink;
    if (this.#missed === 'nothing') this.#socket.resume();
    else queueMicrotask(this.#tellMissed);
  }

  detach(): void {
    this.#sink = undefined;
    this.#socket.pause();
  }

  /**
   * Node hands bytes to the kernel before its `write` returns, as long as nothing waits before them, and keeps (and lets libuv
   * point into) only what the kernel did not take. So what counts is how much waits afterwards: Node's own answer counts these
   * bytes as if they all did, and would stop the reading at every large chunk.
   */
  write(bytes: Uint8Array): boolean {
    if (!this.#socket.writable || this.#surrendered) return true;
    this.#socket.write(bytes);
    return this.#socket.writableLength < this.#socket.writableHighWaterMark;
  }

  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    if (!this.#surrendered) this.#socket.end();
  }

  destroy(): void {
    if (this.#surrendered) return;
    // A peer that takes nothing would be offered the rest by the kernel for minutes after a plain close.
    if (this.#socket.writableLength > 0 && isTcp(this.#carrier)) this.#carrier.resetAndDestroy();
    this.#socket.destroy();
  }

  get outgoing(): OutgoingProgress {
    return this.#socket;
  }

  /**
   * Gives the bare socket back without any of our listeners, for TLS on top of it, with `unread` in front of what comes
   * next. To everybody else the duplex is closed from now on: nothing may be written past the encryption. To be called
   * only while more may come: at the end of a stream nothing can be put back.
   */
  surrender(unread: Uint8Array = new Uint8Array(0)): Socket {
    this.#sink = undefined;
    this.#surrendered = true;
    this.#missed = 'close';
    this.#socket.pause();
    this.#socket.off('data', this.#onData);
    this.#socket.off('drain', this.#onDrain);
    this.#socket.off('end', this.#onEnd);
    this.#socket.off('error', this.#onError);
    this.#socket.off('close', this.#onClose);
    if (unread.length > 0) this.#socket.unshift(unread);
    return this.#socket;
  }

  readonly #onData = (chunk: Buffer) => {
    this.#sink?.onBytes(chunk);
  };

  readonly #onLentBytes = (bytes: Buffer): 'returned' | 'kept' => {
    const sink = this.#sink;
    if (sink?.onLentBytes) return sink.onLentBytes(bytes);
    sink?.onBytes(Buffer.from(bytes)); // cheaper than another buffer to read into
    return 'returned';
  };

  readonly #onDrain = () => {
    this.#sink?.onDrain();
  };

  readonly #onEnd = () => {
    if (this.#sink === undefined) this.#missed = 'end';
    else this.#sink.onEnd();
  };

  readonly #onError = (error: Error) => {
    this.#cause = error;
  };

  readonly #onClose = () => {
    const sink = this.#sink;
    this.#missed = 'close';
    this.#sink = undefined;
    sink?.onClose(this.#cause);
  };

  readonly #tellMissed = () => {
    if (this.#missed === 'end') this.#sink?.onEnd();
    else this.#onClose();
  };
}

/** Only TCP knows resets; on a unix socket Node throws. */
function isTcp(socket: Socket): boolean {
  return socket.remoteFamily !== undefined;
}
