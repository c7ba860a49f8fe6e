// A net or TLS socket as the relay's ByteDuplex. Listeners are attached once for the socket's whole life, so there is
// never a moment without an 'error' listener, and no closure is made per chunk. Nor is any per socket: the listeners are the
// same functions for all, and find the duplex in the socket. Most sockets are idle, and closures were a good part of them.

import type { Socket } from 'node:net';
import { type Borrower, type LendingReads, descriptorOf, writeNow } from '@pgwake/bare-sockets';
import type { ByteDuplex, DuplexSink, OutgoingProgress } from '@pgwake/relay';

/** An idle peer that vanished is noticed 10 s later: libuv probes ten times, a second apart. */
const keepAliveMs = 30_000;

const owner = Symbol('the duplex of a socket');

/** What the listeners are called on. */
interface OwnedSocket extends Socket {
  readonly [owner]: SocketDuplex;
}

/**
 * Takes the socket over; nobody else may read from or write to it afterwards, except TLS started on top of it through
 * {@link SocketDuplex.surrender}. The socket must have been made with `allowHalfOpen`.
 */
export class SocketDuplex implements ByteDuplex, Borrower {
  readonly #socket: OwnedSocket;
  readonly #carrier: Socket;
  /** Of the bare socket; -1 where Node has to see what is written, as under TLS. */
  readonly #descriptor: number;
  #sink: DuplexSink | undefined;
  #cause: Error | undefined;
  #surrendered = false;
  /** What happened while nobody was attached; told to the next sink. */
  #missed: 'nothing' | 'end' | 'close' = 'nothing';

  /** `carrier`: the TCP socket under a TLS socket. */
  constructor(socket: Socket, carrier: Socket = socket) {
    this.#socket = Object.assign(socket, { [owner]: this });
    this.#carrier = carrier;
    this.#descriptor = socket === carrier ? descriptorOf(socket) : -1;
    socket.pause();
    socket.setNoDelay(true);
    socket.setKeepAlive(true, keepAliveMs);
    socket.on('data', SocketDuplex.#onData);
    socket.on('drain', SocketDuplex.#onDrain);
    socket.on('end', SocketDuplex.#onEnd);
    socket.on('error', SocketDuplex.#onError);
    socket.on('close', SocketDuplex.#onClose);
    // A compute may have died between its login and the handover; its events are over by now.
    if (socket.destroyed) this.#missed = 'close';
    else if (socket.readableEnded) this.#missed = 'end';
    this.#cause = socket.errored ?? undefined;
  }

  /** The sink is lent what that socket, which was made with these `reads`, reads. Before anybody is attached. */
  borrow(reads: LendingReads | undefined): this {
    reads?.lend(this);
    return this;
  }

  attach(sink: DuplexSink): void {
    if (this.#sink !== undefined) throw new Error('a duplex has one sink at a time');
    this.#sink = sink;
    if (this.#missed === 'nothing') this.#socket.resume();
    else queueMicrotask(() => this.#tellMissed());
  }

  detach(): void {
    this.#sink = undefined;
    this.#socket.pause();
  }

  /**
   * Whichever way bytes go, the kernel has what it takes of them before this returns, and Node keeps (and lets libuv point into)
   * only the rest. So what counts is how much waits afterwards: Node's own answer counts these bytes as if they all did, and
   * would stop the reading at every large chunk.
   */
  write(bytes: Uint8Array): boolean {
    const socket = this.#socket;
    if (!socket.writable || this.#surrendered) return true;
    const sent = socket.writableLength === 0 ? writeNow(this.#descriptor, bytes) : 0;
    if (sent < bytes.length) socket.write(sent === 0 ? bytes : bytes.subarray(sent));
    return socket.writableLength < socket.writableHighWaterMark;
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
   * Gives the bare socket back without any of our listeners, for TLS on top of it. To everybody else the duplex is closed from
   * now on: nothing may be written past the encryption.
   */
  surrender(): Socket {
    this.#sink = undefined;
    this.#surrendered = true;
    this.#missed = 'close';
    this.#socket.pause();
    this.#socket.off('data', SocketDuplex.#onData);
    this.#socket.off('drain', SocketDuplex.#onDrain);
    this.#socket.off('end', SocketDuplex.#onEnd);
    this.#socket.off('error', SocketDuplex.#onError);
    this.#socket.off('close', SocketDuplex.#onClose);
    return this.#socket;
  }

  /** As long as its sink takes bytes for good only, as before the relay. */
  get copies(): boolean {
    return this.#sink?.onLentBytes === undefined;
  }

  /** Of its own reads. */
  takeLent(bytes: Buffer): 'returned' | 'kept' {
    const sink = this.#sink;
    if (sink?.onLentBytes) return sink.onLentBytes(bytes);
    sink?.onBytes(Buffer.from(bytes)); // cheaper than another buffer to read into
    return 'returned';
  }

  static #onData(this: OwnedSocket, chunk: Buffer): void {
    this[owner].#sink?.onBytes(chunk);
  }

  static #onDrain(this: OwnedSocket): void {
    this[owner].#sink?.onDrain();
  }

  static #onEnd(this: OwnedSocket): void {
    this[owner].#tellEnd();
  }

  static #onError(this: OwnedSocket, error: Error): void {
    this[owner].#cause = error;
  }

  static #onClose(this: OwnedSocket): void {
    this[owner].#tellClose();
  }

  #tellEnd(): void {
    if (this.#sink === undefined) this.#missed = 'end';
    else this.#sink.onEnd();
  }

  #tellClose(): void {
    const sink = this.#sink;
    this.#missed = 'close';
    this.#sink = undefined;
    sink?.onClose(this.#cause);
  }

  #tellMissed(): void {
    if (this.#missed === 'end') this.#sink?.onEnd();
    else this.#tellClose();
  }
}

/** Only TCP knows resets; on a unix socket Node throws. */
function isTcp(socket: Socket): boolean {
  return socket.remoteFamily !== undefined;
}
