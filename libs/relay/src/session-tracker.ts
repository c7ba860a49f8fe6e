// Knows where a session stands by the headers that pass, in both directions. It decides nothing and changes no byte.
// https://www.postgresql.org/docs/current/protocol-flow.html
//
// The number of replies expected is exact for clients that keep to the protocol (an extended query ends with Sync before a
// simple Query follows, COPY data is ended by CopyDone or CopyFail) and that either wait for CopyInResponse or never do.
// With others the session may count as busy for longer than it is.

import { HeaderScanner } from './header-scanner.js';
import type { SessionState } from './session-state.js';

const tag = (letter: string): number => letter.charCodeAt(0);

const query = tag('Q');
const functionCall = tag('F');
const parse = tag('P');
const bind = tag('B');
const describe = tag('D');
const execute = tag('E');
const close = tag('C');
const sync = tag('S');
const terminate = tag('X');
const copyDone = tag('c'); // both directions
const copyFail = tag('f');

const commandComplete = tag('C');
const errorResponse = tag('E');
const readyForQuery = tag('Z');
const copyInResponse = tag('G');
const copyOutResponse = tag('H');
const copyBothResponse = tag('W');
const noticeResponse = tag('N');
const notificationResponse = tag('A');
const parameterStatus = tag('S');

const statusInTransaction = tag('T');
const statusFailed = tag('E');

export class SessionTracker {
  /** What the client says. */
  readonly fromClient: HeaderScanner = new ClientScanner(this);
  /** What the compute says. */
  readonly fromCompute: HeaderScanner = new ComputeScanner(this);

  /** Query, FunctionCall and Sync messages that have no ReadyForQuery yet. */
  #repliesExpected = 0;
  /** Parse, Bind, Describe, Execute or Close went out and no Sync after them. */
  #syncMissing = false;
  /** Whether the last message that can start a COPY was a Query; otherwise it was an Execute. */
  #lastRequestWasSimple = true;
  /** CopyDone or CopyFail sent before the compute said that there is a COPY. */
  #earlyCopyEnds = 0;
  /** The compute gave up a COPY whose end the client may send yet. */
  #copyEndOverdue = false;
  #copy: 'none' | 'in' | 'out' | 'both' = 'none';
  #transactionStatus = 0;
  #clientTerminated = false;
  #computeSaidWhy = false;

  /** Whether a message to the client may be put in here. */
  get atComputeBorder(): boolean {
    return this.fromCompute.atBorder;
  }

  /** The number of ReadyForQuery messages that the compute owes. */
  get repliesExpected(): number {
    return this.#repliesExpected;
  }

  /** The client has said goodbye: it reads no more. */
  get clientTerminated(): boolean {
    return this.#clientTerminated;
  }

  /** The last word of the compute was an error, e.g. the FATAL before it closes: if it ends here, the client knows why. */
  get computeSaidWhy(): boolean {
    return this.#computeSaidWhy;
  }

  state(): SessionState {
    if (this.#copy === 'in') return 'inCopyIn';
    if (this.#copy === 'out') return 'inCopyOut';
    if (this.#copy === 'both') return 'inCopyBoth';
    if (this.#repliesExpected > 0 || this.#syncMissing) return 'inQuery';
    if (!this.fromClient.atBorder || !this.fromCompute.atBorder) return 'inQuery';
    if (this.#transactionStatus === statusInTransaction) return 'inTransaction';
    if (this.#transactionStatus === statusFailed) return 'inFailedTransaction';
    return 'idle';
  }

  /** For its scanners, as are the next two. */
  onClientMessage(message: number): void {
    switch (message) {
      case query:
      case functionCall:
      case sync:
        this.#onRequestEnd(message);
        break;
      case parse:
      case bind:
      case describe:
      case close:
        this.#syncMissing = true;
        break;
      case execute:
        this.#syncMissing = true;
        this.#lastRequestWasSimple = false;
        break;
      case copyDone:
      case copyFail:
        this.#onClientCopyEnd();
        break;
      case terminate:
        this.#clientTerminated = true;
        break;
    }
  }

  #onClientCopyEnd(): void {
    if (this.#copy === 'in') this.#copy = 'none';
    else if (this.#copy === 'both') this.#copy = 'out';
    else if (this.#copyEndOverdue) this.#copyEndOverdue = false;
    else if (this.#repliesExpected > 0 || this.#syncMissing) this.#earlyCopyEnds++;
  }

  #onRequestEnd(message: number): void {
    // The compute swallows a Sync while it reads COPY data, and fails the COPY at anything else: neither earns a reply.
    // CopyGetData in src/backend/commands/copyfromparse.c
    if (this.#copy === 'in') return;
    this.#repliesExpected++;
    this.#syncMissing = false;
    if (message !== sync) this.#lastRequestWasSimple = true;
  }

  onComputeMessage(message: number): void {
    switch (message) {
      case noticeResponse:
      case notificationResponse:
      case parameterStatus:
        return; // may come at any time and belong to no query
      case copyInResponse:
        this.#onCopyIn();
        break;
      case copyOutResponse:
        this.#copy = 'out';
        break;
      case copyBothResponse:
        this.#copy = 'both';
        break;
      case copyDone:
        if (this.#copy === 'out') this.#copy = 'none';
        else if (this.#copy === 'both') this.#copy = 'in';
        break;
      case commandComplete:
        this.#copy = 'none';
        break;
      case errorResponse:
        this.#copyEndOverdue = this.#copy === 'in';
        this.#copy = 'none';
        break;
    }
    this.#computeSaidWhy = message === errorResponse;
  }

  #onCopyIn(): void {
    this.#copyEndOverdue = false;
    if (this.#earlyCopyEnds > 0) {
      this.#earlyCopyEnds--; // the client did not wait for this answer: its data and their end are on their way already
      return;
    }
    // The client has waited, so all it sent after the message that started this COPY are Syncs (libpq sends Execute and
    // Sync together). The compute will read them as part of the COPY and swallow them; the next one counts.
    this.#copy = 'in';
    this.#repliesExpected = this.#lastRequestWasSimple ? 1 : 0;
    this.#syncMissing = !this.#lastRequestWasSimple;
  }

  onReadyForQuery(status: number): void {
    this.#transactionStatus = status;
    this.#copy = 'none';
    // One that was not expected answers a Sync taken for swallowed: the COPY had failed before the compute read it.
    if (this.#repliesExpected > 0) this.#repliesExpected--;
    else this.#syncMissing = false;
    if (this.#repliesExpected === 0 && !this.#syncMissing) this.#earlyCopyEnds = 0;
  }
}

class ClientScanner extends HeaderScanner {
  constructor(private readonly tracker: SessionTracker) {
    super();
  }

  protected override onMessage(message: number): void {
    this.tracker.onClientMessage(message);
  }
}

class ComputeScanner extends HeaderScanner {
  constructor(private readonly tracker: SessionTracker) {
    super();
  }

  protected override onMessage(message: number): void {
    this.tracker.onComputeMessage(message);
  }

  protected override onFirstBodyByte(message: number, byte: number): void {
    if (message === readyForQuery) this.tracker.onReadyForQuery(byte);
  }
}
