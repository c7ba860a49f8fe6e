// What a query connection sends. It is written into memory that is the connection's own, and goes out at the end of the turn:
// a request and the reset behind it in one system call, past Node's stream, which makes several objects for each write.

import type { Socket } from 'node:net';
import { descriptorOf, writeLent } from '@pgwake/bare-sockets';
import type { ComputeConnection } from '@pgwake/pg-dial';
import { FrontendWriter } from '@pgwake/pg-wire';
import { endOfTurn } from './end-of-turn.js';

export class Outbox {
  /** What is written here goes out after `sendSoon`. */
  readonly writer = new FrontendWriter();
  readonly #socket: Socket;
  /** -1 under TLS. */
  readonly #descriptor: number;
  #isHeld = false;
  #sendings = 0;

  constructor({ socket, carrier }: Pick<ComputeConnection, 'socket' | 'carrier'>) {
    this.#socket = socket;
    this.#descriptor = socket === carrier ? descriptorOf(socket) : -1;
  }

  /** With this turn of the event loop. Gives what `hasSent` knows it by. */
  sendSoon(): number {
    if (!this.#isHeld) {
      this.#isHeld = true;
      void endOfTurn().then(this.flush);
    }
    return this.#sendings;
  }

  /** Whether any of it may be at the compute. */
  hasSent(sending: number): boolean {
    return this.#sendings > sending;
  }

  /** What is still held goes out now; if the socket takes nothing any more, nowhere. */
  readonly flush = (): void => {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#write(this.writer.bytes());
    this.writer.clear();
  };

  #write(bytes: Uint8Array): void {
    if (!this.#socket.writable) return;
    this.#sendings += 1;
    writeLent(this.#socket, this.#descriptor, bytes);
  }
}
