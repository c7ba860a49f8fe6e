// What outlives a request of HTTP/1.1: its connection, with the answers that are due on it, and the way out for them. One that
// has had all its answers is closed after a while. Node would set a timer for that behind every answer, and take it back with
// every request; here all connections share one.

import { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { descriptorOf } from '@pgwake/bare-sockets';
import { AnswersDue } from './answers-due.js';
import { type Deadline, Deadlines } from './deadlines.js';
import type { DirectRequest } from './direct-request.js';
import type { DirectResponse, Outlet } from './direct-response.js';

/** Clients are told to leave so much earlier than they are made to, lest a request meets the end of its connection on the way. */
const graceMs = 1_000;

export class Http1Connections {
  readonly #keepAliveHint: string;
  readonly #idle: Deadlines<Connection>;
  readonly #known = new WeakMap<Duplex, Connection>();

  /** `keepAliveMs`: for how long a connection without a request stays open. */
  constructor(keepAliveMs: number) {
    this.#keepAliveHint = `timeout=${Math.floor(keepAliveMs / 1_000)}`;
    this.#idle = new Deadlines(keepAliveMs + graceMs, (connection) => connection.endUnlessReceiving());
  }

  /** To be called with every connection, before anything comes on it. */
  opened(socket: Duplex): void {
    this.#connection(socket).rest();
  }

  /** To be called with every request, before it is looked at. */
  began(request: DirectRequest, response: DirectResponse): void {
    const { answers, outlet } = this.#connection(request.socket);
    response.outlet = outlet;
    answers.began(request, response);
  }

  /** It speaks something else from now on. */
  left(socket: Duplex): void {
    this.#connection(socket).leave();
  }

  answersDueOn(socket: Duplex): AnswersDue {
    return this.#connection(socket).answers;
  }

  #connection(socket: Duplex): Connection {
    const known = this.#known.get(socket);
    if (known !== undefined) return known;
    const outlet = { descriptor: plainDescriptorOf(socket), keepAliveHint: this.#keepAliveHint };
    const connection = new Connection(socket, outlet, this.#idle);
    this.#known.set(socket, connection);
    return connection;
  }
}

class Connection {
  readonly answers: AnswersDue;
  readonly outlet: Outlet;
  readonly #socket: Duplex;
  readonly #idle: Deadlines<Connection>;
  #deadline: Deadline<Connection> | undefined;
  #hasLeft = false;

  constructor(socket: Duplex, outlet: Outlet, idle: Deadlines<Connection>) {
    this.#socket = socket;
    this.#idle = idle;
    this.outlet = outlet;
    this.answers = new AnswersDue((isAnyDue) => (isAnyDue ? this.#work() : this.rest()));
    socket.once('close', () => this.leave());
  }

  /** Nothing is due on it. */
  rest(): void {
    this.#work();
    if (!this.#hasLeft) this.#deadline = this.#idle.add(this, performance.now());
  }

  leave(): void {
    this.#hasLeft = true;
    this.#work();
  }

  /** Whoever was answered early and is still sending would not see the answer. */
  endUnlessReceiving(): void {
    if (this.answers.isReceiving) this.rest();
    else this.#socket.destroy();
  }

  #work(): void {
    if (this.#deadline !== undefined) this.#idle.delete(this.#deadline);
    this.#deadline = undefined;
  }
}

/** What is written past TLS would be no TLS. */
function plainDescriptorOf(socket: Duplex): number {
  return socket instanceof Socket && !(socket instanceof TLSSocket) ? descriptorOf(socket) : -1;
}
