// One request on its way through the compute: Parse, Bind, Describe and Execute of each statement, one Sync, one
// ReadyForQuery. https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY

import { GatewayError } from '@pgwake/gateway-errors';
import { type TransactionStatus, backendTag, parseErrorFields, parseReadyForQuery } from '@pgwake/pg-wire';
import type { Exchange, Step } from './exchange.js';
import type { QueryRequest } from './query-request.js';
import type { ResultSink } from './result-sink.js';
import { endsSession, notSupported, toQueryError } from './server-error.js';

export interface QueryFailure {
  readonly error: GatewayError;
  /** Which statement failed, counted from 0; absent when it was the transaction around them, or the connection. */
  readonly statement: number | undefined;
}

const empty = new Uint8Array(0);

export class RequestExchange implements Exchange {
  readonly ended: Promise<void>;
  failure: QueryFailure | undefined;
  /** Where the transaction stood at ReadyForQuery; `undefined` until then. */
  status: TransactionStatus | undefined;
  /** A library was loaded into the backend, which nothing takes out again. */
  loadedLibrary = false;
  readonly #sink: ResultSink;
  readonly #statements: number;
  /** Statements sent, with those that begin and commit. */
  readonly #units: number;
  readonly #firstStatement: number;
  #unit = 0;
  #expects: 'parsed' | 'bound' | 'described' | 'rows' | 'complete' | 'ready' = 'parsed';
  #discarding = false;
  #end: () => void = () => undefined;

  constructor({ statements, transaction }: QueryRequest, sink: ResultSink) {
    this.#sink = sink;
    this.#statements = statements.length;
    this.#firstStatement = transaction ? 1 : 0;
    this.#units = statements.length + (transaction ? 2 : 0);
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** The sink hears nothing from here on; the answer is still read to its end. */
  discard(): void {
    this.#discarding = true;
  }

  takeWhole(): boolean {
    return false;
  }

  take(tag: number, body: Uint8Array): Step {
    switch (tag) {
      case backendTag.dataRow:
        if (this.#expects !== 'rows') return 'outOfTurn';
        // Looked at again afterwards: the sink may have called the request off.
        return !this.#isHeard || this.#sink.onDataRow(body) || this.#discarding ? 'more' : 'pause';
      case backendTag.parseComplete:
        return this.#advance('parsed', 'bound');
      case backendTag.bindComplete:
        return this.#advance('bound', 'described');
      case backendTag.rowDescription:
        if (this.#expects === 'described' && this.#isHeard) this.#sink.onRowDescription(body);
        return this.#advance('described', 'rows');
      case backendTag.noData:
        return this.#advance('described', 'complete');
      case backendTag.commandComplete:
        this.loadedLibrary ||= isLoad(body);
        return this.#complete(body);
      case backendTag.emptyQueryResponse:
        return this.#complete(empty);
      case backendTag.errorResponse:
        return this.#fail(body);
      case backendTag.readyForQuery:
        return this.#becomeReady(body);
      case backendTag.copyInResponse:
      case backendTag.copyOutResponse:
      case backendTag.copyBothResponse:
        this.failure ??= {
          error: notSupported('COPY to or from the client needs a session'),
          statement: this.#statement,
        };
        return 'refuseCopy';
      default:
        return 'outOfTurn';
    }
  }

  lose(error: GatewayError): void {
    // An error of the query is the truth about it, whatever happened to the connection afterwards.
    this.failure ??= { error, statement: undefined };
    this.#end();
  }

  /** Of the unit that runs; `undefined` for one of ours. */
  get #statement(): number | undefined {
    const statement = this.#unit - this.#firstStatement;
    return statement >= 0 && statement < this.#statements ? statement : undefined;
  }

  get #isHeard(): boolean {
    return !this.#discarding && this.#statement !== undefined;
  }

  #advance(from: 'parsed' | 'bound' | 'described', to: 'bound' | 'described' | 'rows' | 'complete'): Step {
    if (this.#expects !== from) return 'outOfTurn';
    this.#expects = to;
    return 'more';
  }

  #complete(body: Uint8Array): Step {
    if (this.#expects !== 'rows' && this.#expects !== 'complete') return 'outOfTurn';
    if (this.#isHeard) this.#sink.onCommandComplete(body);
    this.#unit += 1;
    this.#expects = this.#unit < this.#units ? 'parsed' : 'ready';
    return 'more';
  }

  #fail(body: Uint8Array): Step {
    const parsed = parseErrorFields(body);
    if (parsed.kind === 'violation' || this.failure !== undefined) return 'outOfTurn';
    const fields = parsed.value;
    if (endsSession(fields)) {
      const detail = `${fields.severity} ${fields.code}: ${fields.message}`;
      this.failure = { error: new GatewayError('COMPUTE_LOST_IN_QUERY', { detail }), statement: undefined };
      return 'close';
    }
    this.failure = { error: toQueryError(fields), statement: this.#statement };
    // What was sent behind it is skipped up to the Sync.
    this.#expects = 'ready';
    return 'more';
  }

  #becomeReady(body: Uint8Array): Step {
    const status = parseReadyForQuery(body);
    if (this.#expects !== 'ready' || status.kind === 'violation') return 'outOfTurn';
    this.status = status.value;
    this.#end();
    return 'over';
  }
}

/** The command tag `LOAD`. */
function isLoad(body: Uint8Array): boolean {
  return body.length === 5 && body[0] === 0x4c && body[1] === 0x4f && body[2] === 0x41 && body[3] === 0x44;
}
