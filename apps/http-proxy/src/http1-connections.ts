// The connections of HTTP/1.1. One that has had all its answers is closed after a while. Node would set a timer for that behind
// every answer, and take it back with every request; here all connections share one.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { LendingReads } from '@pgwake/bare-sockets';
import { AnswersDue } from './answers-due.js';
import { BriefMemory } from './brief-memory.js';
import type { Client } from './client.js';
import { Deadlines } from './deadlines.js';
import type { Exchange } from './exchange.js';
import { Http1Connection, type Http1Shared } from './http1-connection.js';

export interface Http1ConnectionsOptions {
  /** For how long a connection without a request stays open. */
  readonly keepAliveMs: number;
  /** The answer to the last one ends the connection, so that load balancers have something to balance. */
  readonly maxRequests: number;
  /** For how long at most it is known what came on them. Left out: a second. */
  readonly knownMs?: number;
  /** A request like one that was served before on its connection, and that Node does not hear of. */
  readonly onRepeat: (exchange: Exchange) => void;
}

/** Clients are told to leave so much earlier than they are made to, lest a request meets the end of its connection on the way. */
const graceMs = 1_000;

export class Http1Connections {
  readonly #shared: Http1Shared;
  readonly #open = new Map<Socket, Http1Connection>();

  constructor({ keepAliveMs, maxRequests, knownMs, onRepeat }: Http1ConnectionsOptions) {
    this.#shared = {
      idle: new Deadlines(keepAliveMs + graceMs, (connection) => connection.endUnlessReceiving()),
      keepAliveHint: `timeout=${Math.floor(keepAliveMs / 1_000)}`,
      maxRequests,
      knownHeads: new BriefMemory(knownMs),
      onRepeat,
    };
  }

  /** To be called when Node's server has the socket, and before it is resumed; `reads` if it lends them. */
  opened(socket: Socket, reads: LendingReads | undefined, client: Client): void {
    this.#open.set(socket, new Http1Connection(socket, reads, client, this.#shared));
    socket.once('close', () => this.#open.delete(socket));
  }

  /** To be called with every request that Node has read, before it is looked at. `undefined`: nobody will have its answer. */
  began(request: IncomingMessage, response: ServerResponse): Exchange | undefined {
    return this.#open.get(request.socket)?.began(request, response);
  }

  /** It speaks something else from now on. */
  left(socket: Socket): void {
    this.#open.get(socket)?.leave();
  }

  answersDueOn(socket: Socket): AnswersDue {
    return this.#open.get(socket)?.answers ?? new AnswersDue();
  }

  /** Closes those on which nothing is due. */
  endIdle(): void {
    for (const connection of this.#open.values()) connection.endIfIdle();
  }
}
