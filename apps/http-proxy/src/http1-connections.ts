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

interface Connection {
  readonly answers: AnswersDue;
  readonly outlet: Outlet;
}

export class Http1Connections {
  readonly #keepAliveHint: string;
  readonly #idle: Deadlines<Duplex>;
  readonly #known = new WeakMap<Duplex, Connection>();

  /** `keepAliveMs`: for how long a connection without a request stays open. */
  constructor(keepAliveMs: number) {
    this.#keepAliveHint = `timeout=${Math.floor(keepAliveMs / 1_000)}`;
    this.#idle = new Deadlines(keepAliveMs, (socket) => socket.destroy());
  }

  /** To be called with every request, before it is looked at. */
  began(request: DirectRequest, response: DirectResponse): void {
    const { answers, outlet } = this.#connection(request.socket);
    response.outlet = outlet;
    answers.began(request, response);
  }

  answersDueOn(socket: Duplex): AnswersDue {
    return this.#connection(socket).answers;
  }

  #connection(socket: Duplex): Connection {
    const known = this.#known.get(socket);
    if (known !== undefined) return known;
    let idle: Deadline<Duplex> | undefined;
    const answers = new AnswersDue((isAnyDue) => {
      if (idle !== undefined) this.#idle.delete(idle);
      idle = isAnyDue || socket.destroyed ? undefined : this.#idle.add(socket, performance.now());
    });
    socket.once('close', () => {
      if (idle !== undefined) this.#idle.delete(idle);
    });
    const connection = {
      answers,
      outlet: { descriptor: plainDescriptorOf(socket), keepAliveHint: this.#keepAliveHint },
    };
    this.#known.set(socket, connection);
    return connection;
  }
}

/** What is written past TLS would be no TLS. */
function plainDescriptorOf(socket: Duplex): number {
  return socket instanceof Socket && !(socket instanceof TLSSocket) ? descriptorOf(socket) : -1;
}
