// Where the results of a request go, and how its answer ends: as one JSON text, or line by line while they come.

import { GatewayError, toHttpBody } from '@pgwake/gateway-errors';
import type { QueryConnection } from '@pgwake/pg-query';
import {
  Answer,
  LineAnswer,
  type OutputModes,
  type RequestBody,
  type RequestOptions,
  type ResultSink,
  echoTransactionOptions,
  renderErrorBody,
  wantsLines,
} from '@pgwake/sql-over-http';
import { tell } from './error-answer.js';
import type { AnswerStream, Exchange, Headers } from './exchange.js';

export interface Results {
  /** Has `run` put its results into the sink, and sees to it that the connection reads on when it was asked to pause. */
  take<R>(connection: QueryConnection, run: (sink: ResultSink) => Promise<R>): Promise<R>;
  /** All of it happened. */
  done(): void;
  /** `statementIndex`: which statement of a batch failed. */
  failed(error: GatewayError, statementIndex: number | undefined): void;
}

export interface ResultsOptions {
  readonly headers: RequestOptions;
  readonly body: RequestBody;
  readonly maxBytes: number;
  /** Called once when the answer would be longer. */
  readonly onTooLarge: (error: GatewayError) => void;
}

export function createResults(exchange: Exchange, options: ResultsOptions): Results {
  const { stream, headers } = exchange;
  return stream !== undefined && wantsLines(headers)
    ? createLines(exchange, stream, options)
    : createWhole(exchange, options);
}

function createWhole(exchange: Exchange, options: ResultsOptions): Results {
  const { body, maxBytes, onTooLarge } = options;
  const sink = new Answer(body.kind, modesOf(options), maxBytes, () =>
    onTooLarge(new GatewayError('RESULT_TOO_LARGE', { params: { limit: String(maxBytes) } })),
  );
  return {
    // It never asks for a pause.
    take: (_connection, run) => run(sink),
    done: () => {
      const text = sink.finish();
      if (exchange.answer(200, headersOf('application/json', options), text)) sink.reuse(text);
    },
    failed: (error, statementIndex) => tell(exchange, error, statementIndex),
  };
}

function createLines(exchange: Exchange, stream: AnswerStream, options: ResultsOptions): Results {
  const begin = () => {
    if (!exchange.isAnswered) stream.begin(200, headersOf('application/x-ndjson', options));
  };
  const sink = new LineAnswer(modesOf(options), (chunk) => {
    begin();
    return stream.write(chunk);
  });
  return {
    async take(connection, run) {
      const onDrain = () => connection.resume();
      stream.on('drain', onDrain);
      const ended = await run(sink);
      // The connection will be somebody else's.
      stream.off('drain', onDrain);
      return ended;
    },
    done: () => {
      begin();
      stream.end(sink.finish());
    },
    failed: (error, statementIndex) => {
      // As long as nothing was sent the status can still tell.
      if (!exchange.isAnswered) return tell(exchange, error, statementIndex);
      const { body } = toHttpBody(error);
      stream.end(sink.fail(renderErrorBody({ ...body, ...(statementIndex !== undefined && { statementIndex }) })));
    },
  };
}

function headersOf(contentType: string, { headers, body }: ResultsOptions): Headers {
  if (body.kind === 'single') return ['content-type', contentType];
  return ['content-type', contentType, ...Object.entries(echoTransactionOptions(headers.transaction)).flat()];
}

function modesOf({ headers: { output }, body }: ResultsOptions): OutputModes[] {
  const statements = body.kind === 'single' ? [body.statement] : body.statements;
  return statements.map(({ arrayMode }) => (arrayMode === undefined ? output : { ...output, arrayMode }));
}
