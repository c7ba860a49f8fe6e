// An answer of HTTP/1.1 that goes out whole, head and body in one system call past Node's streams. By way of those it costs a
// list of headers that is looked through again and again, a queue, several objects and several ticks.
//
// What stays Node's: whether the connection goes on, whose turn it is to answer, and everything behind 'finish'.

import { ServerResponse } from 'node:http';
import { writeNow } from '@pgwake/bare-sockets';
import type { DirectRequest } from './direct-request.js';

/** Of the connection. */
export interface Outlet {
  /** As `descriptorOf` gives it; -1 where bytes must not go past the socket. */
  readonly descriptor: number;
  /** The value of the header Keep-Alive: for how long it stays open without a request. */
  readonly keepAliveHint: string;
}

/** How Node knows that a head was sent, and that this is the last answer of its connection. It is not in its types. */
interface Internals {
  _header: string | null;
  _headerSent: boolean;
  readonly maxRequestsOnConnectionReached?: boolean;
}

/** Of a body; longer ones are not copied. */
const mostBodyBytes = 16 * 1024;
const mostHeadBytes = 4 * 1024;
/** Every answer is written here, and is out, or copied, before the next one is. */
const outgoing = Buffer.allocUnsafeSlow(mostHeadBytes + mostBodyBytes);

export class DirectResponse extends ServerResponse<DirectRequest> {
  /** To be set before it is used. */
  outlet: Outlet = { descriptor: -1, keepAliveHint: '' };

  /** Another request may follow on this connection. */
  get isConnectionKept(): boolean {
    const { maxRequestsOnConnectionReached: isLast = false } = this as unknown as Internals;
    return this.shouldKeepAlive && !isLast && !this.hasHeader('connection');
  }

  get keepAliveHint(): string {
    return this.outlet.keepAliveHint;
  }

  /**
   * The whole answer, if it can go out this way; else nothing is done. `head`: the status line and all headers but `Date` and
   * `Connection`, each line with its end, in ASCII.
   */
  endDirectly(head: string, body: Uint8Array): boolean {
    const { socket } = this;
    // Without a socket it is not its turn yet.
    if (socket === null || !socket.writable || socket.writableLength > 0 || this.headersSent) return false;
    if (body.length > mostBodyBytes || this.req.method === 'HEAD' || !this.isConnectionKept) return false;
    const wholeHead = `${head}date: ${now()}\r\nconnection: keep-alive\r\n\r\n`;
    if (wholeHead.length > mostHeadBytes) return false;

    const size = outgoing.write(wholeHead, 'latin1') + body.length;
    outgoing.set(body, wholeHead.length);
    const internals = this as unknown as Internals;
    internals._header = wholeHead;
    internals._headerSent = true;
    const sent = writeNow(this.outlet.descriptor, outgoing, size);
    if (sent < size) socket.write(Buffer.from(outgoing.subarray(sent, size)));
    this.end();
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
