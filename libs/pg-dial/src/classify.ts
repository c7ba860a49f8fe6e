// What a compute says before its session is ready, in the words of the catalogue. What Node says is connect-core's to
// classify.

import { codeOfServerError } from '@pgwake/connect-core';
import { type ErrorCode, GatewayError } from '@pgwake/gateway-errors';
import type { ErrorFields } from '@pgwake/pg-wire';

/** The attempt was called off: out of time, or nobody waits for it any more. Whoever aborted it knows which. */
export function dialTimeout(signal: AbortSignal): GatewayError {
  return new GatewayError('COMPUTE_DIAL_TIMEOUT', { cause: signal.reason });
}

/** The compute's bytes are not what the protocol allows. */
export function protocolError(what: string): GatewayError {
  return new GatewayError('COMPUTE_PROTOCOL', { detail: what });
}

/** The compute's own ErrorResponse before its session was ready. */
export function classifyServerError(fields: ErrorFields): GatewayError {
  const { severity, code: sqlState, message, detail, hint } = fields;
  if (!/^[0-9A-Z]{5}$/.test(sqlState)) return protocolError('an error without a SQLSTATE');
  const code = codeOfServerError(sqlState, message);
  const log = `${severity} ${sqlState}: ${message}`;
  if (!mayBePassedOn(code, fields)) return new GatewayError(code, { detail: log });
  const asSent = {
    severity,
    code: sqlState,
    message,
    ...(detail === undefined ? {} : { detail }),
    ...(hint === undefined ? {} : { hint }),
  };
  return new GatewayError(code, { asSent, detail: log });
}

/**
 * Postgres' words are passed on where they are about the client's own login. Its words about a start are ours to say, and
 * the one about pg_hba.conf names the gateway's address (it comes from ClientAuthentication in auth.c, in any language).
 */
function mayBePassedOn(code: ErrorCode, { fields }: ErrorFields): boolean {
  if (code === 'COMPUTE_REJECTED_LOGIN') return fields.get('R') !== 'ClientAuthentication';
  return code === 'COMPUTE_FULL' || code === 'COMPUTE_SAID_NO';
}
