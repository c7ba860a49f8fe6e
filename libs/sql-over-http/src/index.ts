export { type ConnectionString, parseConnectionString } from './connection-string.js';
export {
  type HeaderLines,
  type IsolationLevel,
  type OutputModes,
  type RequestHeaders,
  type RequestOptions,
  type TransactionOptions,
  echoTransactionOptions,
  headerNames,
  isFromDriver,
  parseRequestHeaders,
  parseRequestOptions,
  wantsLines,
} from './request-headers.js';
export { type RequestBody, type RequestStatement, parseRequestBody } from './request-body.js';
export { Answer, type ResultSink } from './answer.js';
export { LineAnswer } from './line-answer.js';
export { type ErrorBody, renderErrorBody } from './error-body.js';
