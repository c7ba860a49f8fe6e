// What went wrong with a dial, in the words of the catalogue: everything that Node, DNS, TLS and the compute itself can say. The
// verdicts that follow stand in the catalogue, not here.

import { type ErrorCode, GatewayError, isGatewayError } from '@pgwake/gateway-errors';
import type { ErrorFields } from '@pgwake/pg-wire';

// Node's codes. c-ares has an ECONNREFUSED of its own, so a syscall that is about DNS goes before this table.
const systemErrors: Readonly<Record<string, ErrorCode>> = {
  ECONNREFUSED: 'COMPUTE_REFUSED',
  // A unix socket that is gone, or whose directory is.
  ENOENT: 'COMPUTE_REFUSED',
  ENOTDIR: 'COMPUTE_REFUSED',
  // The accept queue of a unix socket is full.
  EAGAIN: 'COMPUTE_FULL',
  ECONNRESET: 'COMPUTE_RESET',
  ECONNABORTED: 'COMPUTE_RESET',
  EPIPE: 'COMPUTE_RESET',
  ENOTFOUND: 'DNS_FAILED',
  EAI_AGAIN: 'DNS_FAILED',
  ESERVFAIL: 'DNS_FAILED',
  ETIMEOUT: 'DNS_FAILED',
  EPROTO: 'COMPUTE_PROTOCOL',
  ERR_TLS_CERT_ALTNAME_INVALID: 'COMPUTE_IDENTITY_MISMATCH',
  CERT_HAS_EXPIRED: 'COMPUTE_IDENTITY_MISMATCH',
  CERT_NOT_YET_VALID: 'COMPUTE_IDENTITY_MISMATCH',
  CERT_REVOKED: 'COMPUTE_IDENTITY_MISMATCH',
  CERT_SIGNATURE_FAILURE: 'COMPUTE_IDENTITY_MISMATCH',
  CERT_UNTRUSTED: 'COMPUTE_IDENTITY_MISMATCH',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'COMPUTE_IDENTITY_MISMATCH',
  SELF_SIGNED_CERT_IN_CHAIN: 'COMPUTE_IDENTITY_MISMATCH',
  UNABLE_TO_GET_ISSUER_CERT: 'COMPUTE_IDENTITY_MISMATCH',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'COMPUTE_IDENTITY_MISMATCH',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'COMPUTE_IDENTITY_MISMATCH',
  // We are out of something. That says nothing about the address.
  EMFILE: 'INTERNAL',
  ENFILE: 'INTERNAL',
  ENOBUFS: 'INTERNAL',
  ENOMEM: 'INTERNAL',
};

/**
 * Whatever a dial threw. Looks into `cause` and the errors of an AggregateError (several addresses tried) for the first one
 * that Node's code explains. Anything else is a mistake of ours: INTERNAL.
 *
 * @param where names the compute in the log
 */
export function classifyDialError(error: unknown, where?: string): GatewayError {
  if (isGatewayError(error)) return error;
  for (const candidate of unwrap(error)) {
    const code = codeOf(candidate);
    if (code !== undefined) return new GatewayError(code, { detail: describe(candidate, where), cause: error });
  }
  return new GatewayError('INTERNAL', { detail: describe(error, where), cause: error });
}

interface ErrorLike {
  readonly name?: unknown;
  readonly message?: unknown;
  readonly code?: unknown;
  readonly syscall?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
}

function codeOf({ name, code, syscall }: ErrorLike): ErrorCode | undefined {
  if (name === 'AbortError' || name === 'TimeoutError') return 'COMPUTE_DIAL_TIMEOUT';
  if (typeof code !== 'string') return undefined;
  if (typeof syscall === 'string' && /^(query|getaddrinfo)/.test(syscall)) return 'DNS_FAILED';
  const known = systemErrors[code];
  if (known !== undefined) return known;
  if (code.startsWith('ERR_SSL_')) return 'COMPUTE_PROTOCOL';
  // ETIMEDOUT, EHOSTUNREACH, ENETUNREACH, EADDRNOTAVAIL, EACCES and what else connect(2) knows. Codes that start with
  // ERR_ are about wrong use of Node.
  return /^E(?!RR_)/.test(code) ? 'COMPUTE_UNREACHABLE' : undefined;
}

const maxCauses = 8;

function* unwrap(error: unknown, depth = 0): Generator<ErrorLike> {
  if (typeof error !== 'object' || error === null || depth > maxCauses) return;
  const { errors, cause } = error as ErrorLike;
  // The parts first: an AggregateError repeats the code of one of them but not its syscall.
  if (Array.isArray(errors)) for (const part of errors) yield* unwrap(part, depth + 1);
  yield error;
  yield* unwrap(cause, depth + 1);
}

function describe(error: unknown, where: string | undefined): string {
  const text = error instanceof Error ? error.message : String(error);
  return where === undefined ? text : `${where}: ${text}`;
}

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
  const code = codeOfServerError(fields);
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

/** https://www.postgresql.org/docs/current/errcodes-appendix.html */
function codeOfServerError({ code, message }: ErrorFields): ErrorCode {
  switch (code) {
    case '57P03':
      // "Starting up" and "shutting down" share this SQLSTATE, and only the text tells them apart. In another language it
      // is taken for a start: dialled again, until the socket is gone and the address suspect.
      return message === 'the database system is shutting down' ? 'COMPUTE_SHUTTING_DOWN' : 'COMPUTE_STARTING';
    case '57P01':
    case '57P02':
      return 'COMPUTE_SHUTTING_DOWN';
    case '53300':
      return 'COMPUTE_FULL';
    default:
      return code.startsWith('28') ? 'COMPUTE_REJECTED_LOGIN' : 'COMPUTE_SAID_NO';
  }
}

/**
 * Postgres' words are passed on where they are about the client's own login. Its words about a start are ours to say, and
 * the one about pg_hba.conf names the gateway's address (it comes from ClientAuthentication in auth.c, in any language).
 */
function mayBePassedOn(code: ErrorCode, { fields }: ErrorFields): boolean {
  if (code === 'COMPUTE_REJECTED_LOGIN') return fields.get('R') !== 'ClientAuthentication';
  return code === 'COMPUTE_FULL' || code === 'COMPUTE_SAID_NO';
}
