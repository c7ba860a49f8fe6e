// Where the results of a request go, and how its answer ends: as one JSON text, or line by line while they come.

import { GatewayError, toHttpBody } from '@pgwake/gateway-errors';
import type { QueryConnection } from '@pgwake/pg-query';
import {
  Answer,
  LineAnswer,
  type OutputModes,
  type RequestBody,
  type RequestHeaders,
  type ResultSink,
  echoTransactionOptions,
  renderErrorBody,
  wantsLines,
} from '@pgwake/sql-over-http';
import { tell } from './error-answer.js';
import { type Exchange, type Headers, answer, writeHead } from './exchange.js';

export interface Results {
  readonly sink: ResultSink;
  /** All of it happened. */
  done(): void;
  /** `statementIndex`: which statement of a batch failed. */
  failed(error: GatewayError, statementIndex: number | undefined): void;
}

export interface ResultsOptions {
  readonly headers: RequestHeaders;
  readonly body: RequestBody;
  readonly maxBytes: number;
  /** Called once when the answer would be longer. */
  readonly onTooLarge: (error: GatewayError) => void;
}

export function createResults(exchange: Exchange, options: ResultsOptions): Results {
  return wantsLines(exchange.request.headers) ? createLines(exchange, options) : createWhole(exchange, options);
}

function createWhole(exchange: Exchange, options: ResultsOptions): Results {
  const { body, maxBytes, onTooLarge } = options;
  const sink = new Answer(body.kind, modesOf(options), maxBytes, () =>
    onTooLarge(new GatewayError('RESULT_TOO_LARGE', { params: { limit: String(maxBytes) } })),
  );
  return {
    sink,
    done: () => answer(exchange, 200, headersOf('application/json', options), sink.finish()),
    failed: (error, statementIndex) => tell(exchange, error, statementIndex),
  };
}

function createLines(exchange: Exchange, options: ResultsOptions): Results {
  const { response } = exchange;
  const begin = () => {
    if (!response.headersSent) writeHead(exchange, 200, headersOf('application/x-ndjson', options));
  };
  const sink = new LineAnswer(modesOf(options), (chunk) => {
    begin();
    return response.write(chunk);
  });
  return {
    sink,
    done: () => {
      begin();
      response.end(sink.finish());
    },
    failed: (error, statementIndex) => {
      // As long as nothing was sent the status can still tell.
      if (!response.headersSent) return tell(exchange, error, statementIndex);
      const { body } = toHttpBody(error);
      response.end(sink.fail(renderErrorBody({ ...body, ...(statementIndex !== undefined && { statementIndex }) })));
    },
  };
}

/** Reads on when the client has taken what was sent. Gives what ends that: the connection will be somebody else's. */
export function readOnDrain({ response }: Exchange, connection: QueryConnection): () => void {
  const onDrain = () => connection.resume();
  response.on('drain', onDrain);
  return () => response.off('drain', onDrain);
}

function headersOf(contentType: string, { headers, body }: ResultsOptions): Headers {
  const echoed = body.kind === 'batch' && echoTransactionOptions(headers.transaction);
  return { 'content-type': contentType, ...echoed };
}

function modesOf({ headers: { output }, body }: ResultsOptions): OutputModes[] {
  const statements = body.kind === 'single' ? [body.statement] : body.statements;
  return statements.map(({ arrayMode }) => (arrayMode === undefined ? output : { ...output, arrayMode }));
}
