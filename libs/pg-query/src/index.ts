export { createQueryDial } from './query-dial.js';
export type { QueryConnection, QueryConnectionSettings, QueryOutcome, WatchSilence } from './query-connection.js';
export type { QueryRequest, Statement, TransactionOptions } from './query-request.js';
export type { QueryFailure } from './request-exchange.js';
export type { ResultSink } from './result-sink.js';
export { endOfTurn } from './end-of-turn.js';
