// A connection of HTTP/1.1, with its client and all that is due on it.

import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { TLSSocket } from 'node:tls';
import { type LendingReads, descriptorOf } from '@pgwake/bare-sockets';
import type { SessionId } from '@pgwake/ids';
import { AnswersDue } from './answers-due.js';
import type { Client } from './client.js';
import type { Deadline, Deadlines } from './deadlines.js';
import type { Exchange } from './exchange.js';
import { mayRepeat } from './may-repeat.js';
import { type NodeCarrier, NodeExchange } from './node-exchange.js';
import { type KnownHeads, RepeatReader } from './repeat-reader.js';
import { type Carrier, RepeatedExchange } from './repeated-exchange.js';

/** What all connections have in common. */
export interface Http1Shared {
  /** Those without a request. */
  readonly idle: Deadlines<Http1Connection>;
  /** The value of the header Keep-Alive. */
  readonly keepAliveHint: string;
  readonly maxRequests: number;
  readonly knownHeads: KnownHeads;
  readonly onRepeat: (exchange: Exchange) => void;
}

export class Http1Connection implements Carrier, NodeCarrier {
  readonly socket: Socket;
  readonly client: Client;
  readonly descriptor: number;
  readonly answers: AnswersDue;
  readonly #shared: Http1Shared;
  readonly #repeats: RepeatReader | undefined;
  #repeated: RepeatedExchange | undefined;
  #deadline: Deadline<Http1Connection> | undefined;
  #requests = 0;
  #isEnding = false;
  #hasLeft = false;

  /** `reads`: if the socket lends them. */
  constructor(socket: Socket, reads: LendingReads | undefined, client: Client, shared: Http1Shared) {
    this.socket = socket;
    this.client = client;
    this.#shared = shared;
    // What is written past TLS would be no TLS.
    this.descriptor = socket instanceof TLSSocket ? -1 : descriptorOf(socket);
    this.answers = new AnswersDue((isAnyDue) => (isAnyDue ? this.#work() : this.#rest()));
    this.#repeats = RepeatReader.stepIn(socket, reads, {
      known: shared.knownHeads,
      isFree: () => !this.answers.isAnyDue && socket.writable && socket.writableLength === 0,
      mayRepeat,
      onRepeat: (headers, body) => this.#repeat(new RepeatedExchange(this, headers, body, createId())),
    });
    socket.once('close', () => {
      this.leave();
      this.#repeated?.gone();
    });
    this.#rest();
  }

  get keepAliveHint(): string {
    return this.#shared.keepAliveHint;
  }

  /** Node has read a request. `undefined`: the one before it was the last one, with whose answer the connection ends. */
  began(request: IncomingMessage, response: ServerResponse): Exchange | undefined {
    this.answers.began(request, response);
    this.#repeats?.found(request);
    if (this.#isEnding) return undefined;
    const exchange = new NodeExchange(request, response, this.client, createId(), this);
    this.#count(exchange);
    return exchange;
  }

  answered(request: object, status: number): void {
    this.#repeats?.parsedAnswered(request, status === 200);
  }

  willEnd(): void {
    this.#isEnding = true;
  }

  repeatedAnswered(isLast: boolean): void {
    this.#repeated = undefined;
    this.#rest();
    if (!isLast) this.#repeats?.repeatedAnswered();
  }

  /** It speaks something else from now on, or nothing. */
  leave(): void {
    this.#hasLeft = true;
    this.#work();
    this.#repeats?.stepOut();
  }

  /** Whoever was answered early and is still sending would not see the answer. */
  endUnlessReceiving(): void {
    if (this.answers.isReceiving) this.#rest();
    else this.socket.destroy();
  }

  /** Nothing is due on it, and nothing has come of what may follow. */
  endIfIdle(): void {
    const isComing = this.answers.isReceiving || this.#repeats?.isMidHead === true;
    if (this.#deadline !== undefined && !isComing) this.socket.destroy();
  }

  #repeat(exchange: RepeatedExchange): void {
    this.#repeated = exchange;
    this.#work();
    this.#count(exchange);
    this.#shared.onRepeat(exchange);
  }

  #count(exchange: Exchange): void {
    this.#requests += 1;
    if (this.#requests >= this.#shared.maxRequests) exchange.closeAfterwards();
  }

  #rest(): void {
    this.#work();
    if (!this.#hasLeft) this.#deadline = this.#shared.idle.add(this, performance.now());
  }

  #work(): void {
    if (this.#deadline !== undefined) this.#shared.idle.delete(this.#deadline);
    this.#deadline = undefined;
  }
}

function createId(): SessionId {
  return randomUUID() as string as SessionId;
}
