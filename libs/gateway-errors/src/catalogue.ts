import type { Blame, LogLevel, Severity } from './vocabulary.js';

/** May this address be dialled again? `retryAfter`: yes, after the delay that came with the failure. */
export type DialVerdict = 'retry' | 'retryAfter' | 'stop';

/**
 * Is the address to be distrusted? Independent of {@link DialVerdict}: all combinations occur.
 * `suspectIfCached`: a cached address may belong to somebody else by now, so the answer is evidence against the
 * address; from a fresh one the same answer is the truth.
 */
export type AddressVerdict = 'suspect' | 'suspectIfCached' | 'trusted';

export interface CatalogueEntry {
  readonly blame: Blame;
  readonly sqlState: string;
  readonly severity: Severity;
  readonly httpStatus: number;
  readonly dial: DialVerdict;
  readonly address: AddressVerdict;
  readonly logLevel: LogLevel;
  /** All that a client ever reads, unless Postgres' own words are passed on. `{name}` is filled from safe parameters. */
  readonly text: string;
  readonly hint?: string;
}

function entry(
  blame: Blame,
  sqlState: string,
  httpStatus: number,
  dial: DialVerdict,
  address: AddressVerdict,
  logLevel: LogLevel,
  text: string,
  hint?: string,
): CatalogueEntry {
  const base = { blame, sqlState, severity: 'FATAL', httpStatus, dial, address, logLevel, text } as const;
  return hint === undefined ? base : { ...base, hint };
}

const nameTheEndpoint =
  'Connect with options=endpoint=<id> (in a URL: ?options=endpoint%3D<id>), with the endpoint as the first label of ' +
  'the TLS host name, or over TLS with the password endpoint=<id>;<password>.';
const tryAgain = 'The database may still be waking up. Try again in a moment.';

/** Every error that pgwake can give, each exactly once. docs/errors.md lists the same and a test holds both together. */
export const catalogue = {
  PROTOCOL_VIOLATION: entry('user', '08P01', 400, 'stop', 'trusted', 'info', 'protocol violation: {what}'),
  TLS_REQUIRED: entry(
    'user',
    '28000',
    400,
    'stop',
    'trusted',
    'info',
    'this gateway accepts encrypted connections only',
    'Set sslmode=require or stronger.',
  ),
  CLIENT_CERTIFICATE_REFUSED: entry(
    'user',
    '28000',
    401,
    'stop',
    'trusted',
    'info',
    'the client certificate is not accepted',
  ),
  ENDPOINT_NOT_NAMED: entry(
    'user',
    '08004',
    400,
    'stop',
    'trusted',
    'info',
    'the connection does not say which endpoint it is for',
    nameTheEndpoint,
  ),
  ENDPOINT_NAMES_DIFFER: entry(
    'user',
    '08004',
    400,
    'stop',
    'trusted',
    'info',
    'the host name and the endpoint option name different endpoints',
  ),
  ENDPOINT_NOT_FOUND: entry(
    'user',
    '28P01',
    401,
    'stop',
    'trusted',
    'info',
    'password authentication failed for user "{user}"',
  ),
  ENDPOINT_DISABLED: entry('user', '08004', 403, 'stop', 'trusted', 'info', 'this endpoint is disabled'),
  PASSWORD_FAILED: entry(
    'user',
    '28P01',
    401,
    'stop',
    'trusted',
    'info',
    'password authentication failed for user "{user}"',
  ),
  IP_NOT_ALLOWED: entry(
    'user',
    '28000',
    403,
    'stop',
    'trusted',
    'info',
    'this network address is not allowed to connect to this endpoint',
  ),
  CLIENT_GONE: entry('clientGone', '08006', 499, 'stop', 'trusted', 'debug', 'the client closed the connection'),
  CLIENT_TOO_SLOW: entry(
    'clientGone',
    '08006',
    408,
    'stop',
    'trusted',
    'info',
    'the connection was not set up in time',
  ),
  TOO_MANY_CONNECTIONS: entry(
    'rateLimit',
    '53300',
    429,
    'stop',
    'trusted',
    'info',
    'too many connections to this endpoint',
    'Use a connection pool, or try again later.',
  ),
  SOURCE_FULL: entry(
    'rateLimit',
    '53300',
    429,
    'stop',
    'trusted',
    'info',
    'too many connections from this network',
    'Use a connection pool, or try again later.',
  ),
  GATEWAY_FULL: entry(
    'rateLimit',
    '53300',
    503,
    'stop',
    'trusted',
    'info',
    'too many connections to this gateway',
    'Try again later.',
  ),
  GATEWAY_OVERLOADED: entry(
    'rateLimit',
    '53300',
    503,
    'stop',
    'trusted',
    'info',
    'this gateway is overloaded',
    'Try again in a moment.',
  ),
  RATE_LIMITED: entry(
    'rateLimit',
    '53300',
    429,
    'stop',
    'trusted',
    'info',
    'too many connection attempts',
    'Try again later.',
  ),
  QUOTA_EXCEEDED: entry('quota', '53400', 429, 'stop', 'trusted', 'info', 'the quota of this endpoint is used up'),
  WAKE_BUSY: entry(
    'control',
    '57P03',
    503,
    'retryAfter',
    'trusted',
    'warn',
    'the database is busy with another operation',
    tryAgain,
  ),
  WAKE_TIMEOUT: entry(
    'control',
    '57P03',
    504,
    'stop',
    'trusted',
    'warn',
    'the database did not wake up in time',
    tryAgain,
  ),
  CONNECT_DEADLINE: entry(
    'compute',
    '57P03',
    504,
    'stop',
    'trusted',
    'warn',
    'the database did not answer in time',
    tryAgain,
  ),
  WAKE_FAILED: entry('control', '58000', 503, 'stop', 'trusted', 'error', 'the database could not be started'),
  WAKE_FAILED_TRANSIENT: entry(
    'control',
    '58000',
    503,
    'retry',
    'trusted',
    'warn',
    'the database could not be started',
    tryAgain,
  ),
  WAKE_SERVICE_UNAVAILABLE: entry(
    'control',
    '08001',
    503,
    'retry',
    'trusted',
    'error',
    'the gateway cannot reach its control service',
    'Try again in a moment.',
  ),
  TOKEN_KEYS_UNAVAILABLE: entry(
    'control',
    '08001',
    503,
    'stop',
    'trusted',
    'warn',
    'the keys that tokens are checked with cannot be fetched',
    'Try again in a moment.',
  ),
  COMPUTE_REFUSED: entry(
    'compute',
    '08001',
    503,
    'retry',
    'suspect',
    'warn',
    'the database cannot be reached',
    tryAgain,
  ),
  COMPUTE_UNREACHABLE: entry(
    'compute',
    '08001',
    503,
    'retry',
    'suspect',
    'warn',
    'the database cannot be reached',
    tryAgain,
  ),
  COMPUTE_DIAL_TIMEOUT: entry(
    'compute',
    '08001',
    503,
    'retry',
    'suspect',
    'warn',
    'the database cannot be reached',
    tryAgain,
  ),
  COMPUTE_RESET: entry('compute', '08001', 503, 'retry', 'suspect', 'warn', 'the database cannot be reached', tryAgain),
  COMPUTE_PROTOCOL: entry('compute', '08001', 503, 'stop', 'suspect', 'error', 'the database cannot be reached'),
  DNS_FAILED: entry('compute', '08001', 503, 'retry', 'suspect', 'warn', 'the database cannot be reached', tryAgain),
  COMPUTE_STARTING: entry('compute', '57P03', 503, 'retry', 'trusted', 'info', 'the database is starting up', tryAgain),
  COMPUTE_SHUTTING_DOWN: entry(
    'compute',
    '57P03',
    503,
    'retry',
    'suspect',
    'info',
    'the database is shutting down',
    tryAgain,
  ),
  COMPUTE_IDENTITY_MISMATCH: entry(
    'compute',
    '08001',
    503,
    'stop',
    'suspect',
    'error',
    'the database cannot be reached',
  ),
  COMPUTE_ADDRESS_FORBIDDEN: entry(
    'compute',
    '08001',
    503,
    'stop',
    'suspect',
    'error',
    'the database cannot be reached',
  ),
  COMPUTE_REJECTED_LOGIN: entry(
    'user',
    '28000',
    401,
    'stop',
    'suspectIfCached',
    'info',
    'the database rejected the login',
  ),
  COMPUTE_FULL: entry(
    'postgres',
    '53300',
    503,
    'retry',
    'suspectIfCached',
    'warn',
    'the database has too many connections',
    'Use a connection pool, or raise max_connections.',
  ),
  COMPUTE_SAID_NO: entry(
    'user',
    'XX000',
    400,
    'stop',
    'suspectIfCached',
    'info',
    'the database refused the connection',
  ),
  COMPUTE_LOST: entry('compute', '08006', 502, 'stop', 'suspect', 'warn', 'the connection to the database was lost'),
  COMPUTE_LOST_IN_QUERY: entry(
    'compute',
    '08007',
    502,
    'stop',
    'suspect',
    'warn',
    'the connection to the database was lost; whether the query took effect is unknown',
  ),
  QUERY_FAILED: {
    ...entry('user', 'XX000', 400, 'stop', 'trusted', 'debug', 'the query failed'),
    // As Postgres says it: a failed query ends no session.
    severity: 'ERROR',
  },
  POOL_FULL: entry(
    'rateLimit',
    '53300',
    503,
    'stop',
    'trusted',
    'info',
    'too many requests to this endpoint at once',
    'Try again in a moment.',
  ),
  DIAL_QUEUE_FULL: entry(
    'gateway',
    '53300',
    503,
    'retry',
    'trusted',
    'warn',
    'too many logins to this database are under way',
    'Try again in a moment.',
  ),
  RETRY_BUDGET_SPENT: entry(
    'gateway',
    '57P03',
    503,
    'stop',
    'trusted',
    'warn',
    'the database did not answer',
    tryAgain,
  ),
  DRAINING: entry(
    'gateway',
    '57P01',
    503,
    'stop',
    'trusted',
    'info',
    'terminating connection because the gateway is shutting down',
    'Connect again.',
  ),
  REQUEST_INVALID: entry('user', '08P01', 400, 'stop', 'trusted', 'info', 'the request is not valid: {what}'),
  REQUEST_TOO_LARGE: entry('user', '54000', 413, 'stop', 'trusted', 'info', 'the request is larger than {limit} bytes'),
  RESULT_TOO_LARGE: entry('user', '54000', 507, 'stop', 'trusted', 'info', 'the result is larger than {limit} bytes'),
  REQUEST_TIMED_OUT: entry(
    'user',
    '57014',
    504,
    'stop',
    'trusted',
    'info',
    'the request took longer than {limit} ms and was cancelled',
  ),
  INTERNAL: entry('gateway', 'XX000', 500, 'stop', 'trusted', 'error', 'internal error in the gateway'),
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof catalogue;

export const errorCodes = Object.keys(catalogue) as readonly ErrorCode[];
