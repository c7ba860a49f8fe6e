// Stands between a connection of HTTP/1.1 and Node's parser. A request whose head came before, with its whole body and nothing
// behind it in one chunk, goes past the parser and all that Node makes of a request; everything else goes to the parser as it
// came. To know that a chunk begins a request takes to know where the last one ended; where that is in doubt, everything on
// this connection is the parser's for good.

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Borrower, LendingReads } from '@pgwake/bare-sockets';
import type { BriefMemory } from './brief-memory.js';
import { KnownHead, measureRequest } from './known-head.js';

export type KnownHeads = BriefMemory<RepeatReader, readonly KnownHead[]>;

export interface RepeatReaderOptions {
  /** Of all connections, by their readers; the last one first. It holds passwords. */
  readonly known: KnownHeads;
  /** Whether a request may be kept from Node now: it has none, and everything that was written is out. */
  readonly isFree: () => boolean;
  /** Whether a request like this one may come past Node. */
  readonly mayRepeat: (request: IncomingMessage) => boolean;
  /** The next one is kept back until `repeatedAnswered`. */
  readonly onRepeat: (headers: IncomingHttpHeaders, body: Buffer) => void;
}

type Parse = (chunk: Buffer) => void;

/** Of a connection: that of a load balancer is shared by its clients. */
const mostHeads = 8;
/** In a row, although others were known. Then none will come again, and to look for it only costs. */
const mostNewHeads = 32;
/** Of a client that has not had its answer. With more than that it is not read on. */
const mostHeldBytes = 64 * 1024;

export class RepeatReader implements Borrower {
  readonly copies = true;
  readonly #socket: Socket;
  readonly #options: RepeatReaderOptions;
  readonly #parse: Parse;
  /** What is still to come of the body that the parser reads; `undefined`: nobody knows. */
  #bodyLeft: number | undefined = 0;
  /** What the parser has found in the chunk that it reads. */
  #found: IncomingMessage[] = [];
  /** The last request, if one like it may come past the parser once it was served. */
  #candidate: { readonly request: object; readonly head: KnownHead } | undefined;
  #isMidHead = false;
  #newHeads = 0;
  #looks = true;
  #isAnswering = false;
  /** What came meanwhile. */
  #held: Buffer[] = [];
  #heldBytes = 0;

  private constructor(socket: Socket, parse: Parse, options: RepeatReaderOptions) {
    this.#socket = socket;
    this.#parse = parse;
    this.#options = options;
    socket.on('data', this.#onChunk);
    socket.off('data', parse);
  }

  /**
   * To be called when Node's server has the socket, and before it is resumed; `reads` if it lends them. `undefined`: this Node
   * reads in another way than by 'data', so all of it stays Node's.
   */
  static stepIn(
    socket: Socket,
    reads: LendingReads | undefined,
    options: RepeatReaderOptions,
  ): RepeatReader | undefined {
    const [parse, ...others] = socket.listeners('data') as Parse[];
    if (parse === undefined || others.length > 0) return undefined;
    const reader = new RepeatReader(socket, parse, options);
    reads?.lend(reader);
    return reader;
  }

  /** The beginning of a head has come, for all we know. */
  get isMidHead(): boolean {
    return this.#isMidHead;
  }

  /** To be called with each request that Node's parser finds. */
  found(request: IncomingMessage): void {
    this.#found.push(request);
  }

  /** To be called with each of them that has its answer. `isWell`: others like it may be known by its head. */
  parsedAnswered(request: object, isWell: boolean): void {
    const candidate = this.#candidate;
    if (candidate === undefined || candidate.request !== request) return;
    // It holds a password.
    this.#candidate = undefined;
    if (isWell) this.#remember(candidate.head);
  }

  /** The last one that was repeated has its answer, and another may follow. */
  repeatedAnswered(): void {
    this.#isAnswering = false;
    // Who has left waits for no other answer; and a parser whose connection is closed serves another one.
    if (this.#heldBytes === 0 || !this.#socket.writable) return;
    // As one chunk: it may end what we have to do with this socket, and then nothing of it may be left to us.
    const held = Buffer.concat(this.#held);
    // What is read next comes behind it: no earlier than in the next tick.
    if (this.#heldBytes > mostHeldBytes) this.#socket.resume();
    this.#held = [];
    this.#heldBytes = 0;
    this.#onChunk(held);
  }

  /** Gives the socket back, to whoever reads it from now on. */
  stepOut(): void {
    this.#bodyLeft = undefined;
    this.#socket.off('data', this.#onChunk);
  }

  /** What comes again is taken here; the rest goes by way of the socket's stream, behind what waits in it. */
  takeLent(bytes: Buffer): 'returned' | 'full' {
    if (this.#socket.readableLength === 0 && this.#repeats(bytes)) return 'returned';
    return this.#socket.push(Buffer.from(bytes)) ? 'returned' : 'full';
  }

  readonly #onChunk = (chunk: Buffer): void => {
    if (this.#isAnswering) return this.#hold(chunk);
    if (this.#repeats(chunk)) return;
    this.#parse.call(this.#socket, chunk);
    this.#follow(chunk);
  };

  /** Of a client that sends more before it has its answer. It is read on, or nobody would notice when it leaves. */
  #hold(chunk: Buffer): void {
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes > mostHeldBytes) this.#socket.pause();
  }

  /** False: it is the parser's. */
  #repeats(chunk: Buffer): boolean {
    if (this.#isAnswering || !this.#looks || this.#bodyLeft !== 0 || !this.#options.isFree()) return false;
    for (const head of this.#options.known.get(this) ?? []) {
      const bodyAt = head.findBody(chunk);
      if (bodyAt < 0) continue;
      this.#isAnswering = true;
      this.#newHeads = 0;
      this.#options.onRepeat(head.headers, Buffer.from(chunk.subarray(bodyAt)));
      return true;
    }
    return false;
  }

  /** Keeps track of where requests end, and of what may come again. */
  #follow(chunk: Buffer): void {
    const [request] = this.#found;
    if (request !== undefined) this.#found = [];
    this.#isMidHead = request === undefined && (this.#isMidHead || this.#bodyLeft === 0);
    this.#candidate = undefined;
    if (this.#bodyLeft === undefined) return;
    if (this.#bodyLeft > 0) {
      this.#bodyLeft = chunk.length > this.#bodyLeft ? undefined : this.#bodyLeft - chunk.length;
      return;
    }
    const extent = request && measureRequest(chunk, request);
    if (request === undefined || extent === undefined) return void (this.#bodyLeft = undefined);
    const left = extent.headBytes + extent.bodyBytes - chunk.length;
    this.#bodyLeft = left < 0 ? undefined : left;
    if (left !== 0 || !this.#looks || !this.#options.mayRepeat(request)) return;
    const head = KnownHead.of(chunk, request, extent);
    if (head !== undefined) this.#candidate = { request, head };
  }

  #remember(head: KnownHead): void {
    const { known } = this.#options;
    const others = known.get(this) ?? [];
    known.keep(this, [head, ...others].slice(0, mostHeads));
    if (others.length > 0) this.#newHeads += 1;
    if (this.#newHeads > mostNewHeads) this.#looks = false;
  }
}
