// A request that came past Node's parser, and its answer, which goes out past Node's streams: head and body in one system call
// where the connection allows it.

import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import type { SessionId } from '@pgwake/ids';
import { writeLent } from '@pgwake/bare-sockets';
import type { Client } from './client.js';
import { type Exchange, type Headers, headLines, statusLine } from './exchange.js';

/** The connection that it came on. */
export interface Carrier {
  readonly socket: Socket;
  readonly client: Client;
  /** As `descriptorOf` gives it; -1 where bytes must not go past the socket. */
  readonly descriptor: number;
  /** The value of the header Keep-Alive: for how long it stays open without a request. */
  readonly keepAliveHint: string;
  /** An answer is complete. `isLast`: the connection ends with it. */
  repeatedAnswered(isLast: boolean): void;
}

/** Of a body; longer ones are not copied. */
const mostBodyBytes = 16 * 1024;
const mostHeadBytes = 4 * 1024;
/** Every answer is written here, and is out, or copied, before the next one is. */
const outgoing = Buffer.allocUnsafeSlow(mostHeadBytes + mostBodyBytes);

export class RepeatedExchange implements Exchange {
  readonly id: SessionId;
  readonly headers: IncomingHttpHeaders;
  readonly body: Uint8Array;
  /** Whoever wants an answer piece by piece is Node's to serve. */
  readonly stream = undefined;
  readonly #carrier: Carrier;
  #isAnswered = false;
  #isLast = false;
  #onGone: (() => void) | undefined;

  constructor(carrier: Carrier, headers: IncomingHttpHeaders, body: Uint8Array, id: SessionId) {
    this.#carrier = carrier;
    this.headers = headers;
    this.body = body;
    this.id = id;
  }

  get client(): Client {
    return this.#carrier.client;
  }

  get isAnswered(): boolean {
    return this.#isAnswered;
  }

  answer(status: number, headers: Headers, body: Uint8Array): boolean {
    const { socket } = this.#carrier;
    this.#isAnswered = true;
    // Otherwise there is nobody to answer, and 'close' says so.
    const isFree = socket.writable ? this.#write(this.#renderHead(status, headers, body.length), body) : true;
    if (this.#isLast) socket.destroySoon();
    this.#carrier.repeatedAnswered(this.#isLast);
    return isFree;
  }

  closeAfterwards(): void {
    this.#isLast = true;
  }

  breakOff(): void {
    this.#carrier.socket.destroy();
  }

  onceGone(act: () => void): void {
    this.#onGone = act;
  }

  /** To be called when the connection is closed. */
  gone(): void {
    this.#onGone?.();
  }

  #renderHead(status: number, headers: Headers, length: number): string {
    const lines = headLines(this, headers, length);
    let head = `${statusLine(status)}\r\n`;
    for (let at = 0; at < lines.length; at += 2) head += `${lines[at]}: ${lines[at + 1]}\r\n`;
    if (this.#isLast) return `${head}date: ${now()}\r\nconnection: close\r\n\r\n`;
    return `${head}date: ${now()}\r\nkeep-alive: ${this.#carrier.keepAliveHint}\r\nconnection: keep-alive\r\n\r\n`;
  }

  /** False: `body` is still needed. */
  #write(head: string, body: Uint8Array): boolean {
    const { socket, descriptor } = this.#carrier;
    if (head.length > mostHeadBytes || body.length > mostBodyBytes) {
      socket.cork();
      socket.write(head, 'latin1');
      socket.write(body);
      socket.uncork();
      return false;
    }
    const size = outgoing.write(head, 'latin1') + body.length;
    outgoing.set(body, head.length);
    writeLent(socket, descriptor, outgoing, size);
    return true;
  }
}

let date = '';
let dateSecond = NaN;

/** As RFC 9110, 5.6.7 has it; made once a second. */
function now(): string {
  const second = Math.trunc(Date.now() / 1_000);
  if (second !== dateSecond) {
    date = new Date(second * 1_000).toUTCString();
    dateSecond = second;
  }
  return date;
}
