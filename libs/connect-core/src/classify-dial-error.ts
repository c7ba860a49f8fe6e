// What went wrong with a dial, in the words of the catalogue: what Node, DNS and TLS say, however deep a library buried it, and
// what a SQLSTATE says that came before the session was ready. The verdicts that follow stand in the catalogue, not here.

import { type ErrorCode, GatewayError, isGatewayError } from '@pgwake/gateway-errors';

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

/** https://www.postgresql.org/docs/current/errcodes-appendix.html */
export function codeOfServerError(sqlState: string, message: string): ErrorCode {
  switch (sqlState) {
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
      return sqlState.startsWith('28') ? 'COMPUTE_REJECTED_LOGIN' : 'COMPUTE_SAID_NO';
  }
}
