// A WebSocket as the relay's ByteDuplex: the payloads of binary frames are one stream of bytes, and where one frame ends and
// the next begins means nothing. It knows nothing of Postgres.
//
// A WebSocket has no half-close (RFC 6455, 7.1): `end` starts the closing handshake behind what was written, and the peer's
// close frame ends both directions.

import type { Socket } from 'node:net';
import type { ByteDuplex, DuplexSink, OutgoingProgress } from '@pgwake/relay';
import { type RawData, WebSocket } from 'ws';

/** RFC 6455, 7.4.1 */
export const closeCode = { normal: 1000, goingAway: 1001, unsupportedData: 1003, policy: 1008 } as const;

/** Takes the WebSocket over. */
export class WebSocketDuplex implements ByteDuplex {
  readonly #webSocket: WebSocket;
  /** What the frames go over; its fill level is what backpressure is about. */
  readonly #socket: Socket;
  #sink: DuplexSink | undefined;
  #cause: Error | undefined;
  #bytesCarried = 0;
  #endCode: number = closeCode.normal;
  #drainWanted = false;
  #held = false;
  #closed = false;
  /** Frames that were read already when reading stopped: they wait for the next sink. */
  readonly #unread: Buffer[] = [];

  constructor(webSocket: WebSocket, socket: Socket) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    webSocket.pause();
    webSocket.on('message', this.#onMessage);
    webSocket.on('error', this.#onError);
    webSocket.on('close', this.#onClose);
    socket.on('drain', this.#onDrain);
  }

  /** Data of both directions since the start. */
  get bytesCarried(): number {
    return this.#bytesCarried;
  }

  attach(sink: DuplexSink): void {
    if (this.#sink !== undefined) throw new Error('a duplex has one sink at a time');
    this.#sink = sink;
    queueMicrotask(this.#tellMissed);
  }

  detach(): void {
    this.#sink = undefined;
    this.#held = false;
    this.#webSocket.pause();
  }

  write(bytes: Uint8Array): boolean {
    if (this.#webSocket.readyState !== WebSocket.OPEN) return true;
    this.#bytesCarried += bytes.length;
    this.#webSocket.send(bytes, { binary: true, fin: true });
    this.#drainWanted = this.#socket.writableNeedDrain;
    return !this.#drainWanted;
  }

  get outgoing(): OutgoingProgress {
    return this.#socket;
  }

  pause(): void {
    this.#held = true;
    this.#webSocket.pause();
  }

  resume(): void {
    this.#held = false;
    this.#webSocket.resume();
  }

  end(): void {
    // Reading goes on, otherwise the peer's close frame would never be seen.
    this.resume();
    this.#webSocket.close(this.#endCode);
  }

  destroy(): void {
    this.#webSocket.terminate();
  }

  /** From now on `end` tells the peer that the server goes away. */
  goAway(): void {
    this.#endCode = closeCode.goingAway;
  }

  readonly #onMessage = (data: RawData, isBinary: boolean) => {
    if (this.#cause !== undefined) return; // what comes behind a refused frame counts for nothing
    if (!isBinary) return this.#refuseText();
    const bytes = data as Buffer; // as long as `binaryType` is its default
    if (bytes.length === 0) return;
    this.#bytesCarried += bytes.length;
    if (this.#sink === undefined) this.#unread.push(bytes);
    else this.#sink.onBytes(bytes);
  };

  #refuseText(): void {
    this.#cause ??= new Error('a text frame');
    this.#webSocket.close(closeCode.unsupportedData, 'binary frames only');
  }

  readonly #onDrain = () => {
    if (!this.#drainWanted) return;
    this.#drainWanted = false;
    this.#sink?.onDrain();
  };

  readonly #onError = (error: Error) => {
    this.#cause ??= error;
  };

  readonly #onClose = (code: number) => {
    this.#closed = true;
    // The peer went without a closing handshake.
    if (code === 1006) this.#cause ??= new Error('the WebSocket broke off');
    if (this.#sink !== undefined) this.#tellClose(this.#sink);
  };

  readonly #tellMissed = () => {
    const sink = this.#sink;
    if (sink === undefined) return;
    for (let bytes = this.#unread.shift(); bytes !== undefined; bytes = this.#unread.shift()) {
      sink.onBytes(bytes);
      if (this.#sink !== sink) return; // it has read enough, and the rest waits for the next one
    }
    if (this.#closed) this.#tellClose(sink);
    else if (!this.#held) this.#webSocket.resume();
  };

  #tellClose(sink: DuplexSink): void {
    this.#sink = undefined;
    sink.onClose(this.#cause);
  }
}
