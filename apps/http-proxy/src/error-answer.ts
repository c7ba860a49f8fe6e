// How an error is answered. The public driver reads the fields of an error from a 400 only: whatever else comes is to it a
// text without a code. So it gets 400 for all of them and the true status in a header; everybody else gets the true one.

import { type GatewayError, toHttpBody } from '@pgwake/gateway-errors';
import { isFromDriver, renderErrorBody } from '@pgwake/sql-over-http';
import type { Exchange } from './exchange.js';

const statusesToTryAgain: readonly number[] = [429, 503];
const defaultRetryAfterMs = 1_000;

/** `statementIndex`: which statement of a batch failed. Answers nothing to a client that has left, or into an answer begun. */
export function tell(exchange: Exchange, error: GatewayError, statementIndex?: number): void {
  if (error.code === 'CLIENT_GONE' || exchange.isAnswered) return exchange.breakOff();
  const { status, body } = toHttpBody(error);
  const fromDriver = isFromDriver(exchange.headers);
  const retryAfterMs = statusesToTryAgain.includes(status) ? (error.retryAfterMs ?? defaultRetryAfterMs) : undefined;
  exchange.answer(
    fromDriver ? 400 : status,
    [
      ...['content-type', 'application/json'],
      ...(fromDriver ? ['pgwake-status', status] : []),
      ...(retryAfterMs === undefined ? [] : ['retry-after', Math.max(1, Math.ceil(retryAfterMs / 1000))]),
    ],
    renderErrorBody({ ...body, ...(statementIndex !== undefined && { statementIndex }) }),
  );
}
