// What the headers of a request ask for. A boolean header counts only when it is exactly `true`; only for pooling, which is
// what everybody gets who says nothing, a word that is neither `true` nor `false` is refused.
// Content-Type is never looked at: the driver sends JSON as text/plain.

import { type ConnectionString, parseConnectionString } from './connection-string.js';
import { invalidRequest } from './invalid-request.js';

/** Names in lower case; what came twice is joined by `, `, as Node does it. */
export type HeaderLines = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface OutputModes {
  /** Every value as Postgres wrote it, in a JSON string. */
  readonly rawText: boolean;
  /** A row is an array; else an object by column names. */
  readonly arrayMode: boolean;
}

/** What the public driver asks for, always. */
export const driverModes: OutputModes = { rawText: true, arrayMode: true };

export interface TransactionOptions {
  /** Postgres' own words. */
  readonly isolationLevel?: IsolationLevel;
  readonly readOnly?: boolean;
  readonly deferrable?: boolean;
}

export type IsolationLevel = 'read uncommitted' | 'read committed' | 'repeatable read' | 'serializable';

export interface RequestHeaders extends RequestOptions {
  readonly connection: ConnectionString;
  /** In place of a password: the token behind `Bearer` (RFC 6750, 2.1), unread. */
  readonly token: string | undefined;
}

/** What a request asks for beside who it is from. */
export interface RequestOptions {
  readonly output: OutputModes;
  /** For a batch; without effect on a single query. */
  readonly transaction: TransactionOptions;
  /** Whether it may be served by a connection that served others. */
  readonly pooled: boolean;
  /** How long the client wants to wait at most, in milliseconds. */
  readonly timeoutMs: number | undefined;
}

const isolationLevels: Readonly<Record<string, IsolationLevel>> = {
  ReadUncommitted: 'read uncommitted',
  ReadCommitted: 'read committed',
  RepeatableRead: 'repeatable read',
  Serializable: 'serializable',
};

export const headerNames = {
  authorization: 'authorization',
  connectionString: 'neon-connection-string',
  rawTextOutput: 'neon-raw-text-output',
  arrayMode: 'neon-array-mode',
  isolationLevel: 'neon-batch-isolation-level',
  readOnly: 'neon-batch-read-only',
  deferrable: 'neon-batch-deferrable',
  poolOptIn: 'neon-pool-opt-in',
  timeout: 'pgwake-timeout-ms',
} as const;

/** Throws a GatewayError (REQUEST_INVALID). */
export function parseRequestHeaders(lines: HeaderLines): RequestHeaders {
  const connectionString = lines[headerNames.connectionString];
  if (typeof connectionString !== 'string') throw invalidRequest('the header Neon-Connection-String is missing');
  const connection = parseConnectionString(connectionString);
  return { connection, token: parseToken(lines, connection), ...parseRequestOptions(lines) };
}

/** The same without who it is from. Throws a GatewayError (REQUEST_INVALID). */
export function parseRequestOptions(lines: HeaderLines): RequestOptions {
  return {
    output: {
      rawText: isTrue(lines, headerNames.rawTextOutput),
      arrayMode: isTrue(lines, headerNames.arrayMode),
    },
    transaction: parseTransactionOptions(lines),
    pooled: parsePooled(lines),
    timeoutMs: parseTimeout(lines),
  };
}

/** What of them is told back in the answer to a batch, as the public servers of this contract do. */
export function echoTransactionOptions(options: TransactionOptions): Readonly<Record<string, string>> {
  const level = Object.entries(isolationLevels).find(([, words]) => words === options.isolationLevel)?.[0];
  return {
    ...(level !== undefined && { [headerNames.isolationLevel]: level }),
    ...(options.readOnly && { [headerNames.readOnly]: 'true' }),
    ...(options.deferrable && { [headerNames.deferrable]: 'true' }),
  };
}

/**
 * Does the request come from the public driver? It always asks for both; and it reads the fields of an error only from
 * an answer with status 400. Never fails, so that errors about the headers themselves can be answered that way too.
 */
export function isFromDriver(lines: HeaderLines): boolean {
  return isTrue(lines, headerNames.rawTextOutput) && isTrue(lines, headerNames.arrayMode);
}

/** Does the client want its rows as they come, each a line of JSON? */
export function wantsLines({ accept }: HeaderLines): boolean {
  return (
    typeof accept === 'string' &&
    accept !== '*/*' &&
    accept.split(',').some((type) => /^\s*application\/x-ndjson\s*(;|$)/i.test(type))
  );
}

const noTransactionOptions: TransactionOptions = {};

function parseTransactionOptions(lines: HeaderLines): TransactionOptions {
  const level = lines[headerNames.isolationLevel];
  const readOnly = isTrue(lines, headerNames.readOnly);
  const deferrable = isTrue(lines, headerNames.deferrable);
  if (level === undefined && !readOnly && !deferrable) return noTransactionOptions;
  const modes = { ...(readOnly && { readOnly }), ...(deferrable && { deferrable }) };
  if (level === undefined) return modes;
  if (typeof level !== 'string' || !Object.hasOwn(isolationLevels, level)) {
    throw invalidRequest(`the header Neon-Batch-Isolation-Level is none of ${Object.keys(isolationLevels).join(', ')}`);
  }
  return { isolationLevel: isolationLevels[level] as IsolationLevel, ...modes };
}

function parseToken(lines: HeaderLines, { password }: ConnectionString): string | undefined {
  const text = lines[headerNames.authorization];
  if (text === undefined) return undefined;
  const [, token] = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(String(text)) ?? [];
  if (token === undefined) throw invalidRequest('the header Authorization is not of the form Bearer <token>');
  if (password !== '') throw invalidRequest('it has both a password and a token');
  return token;
}

/** Drivers up to 0.8 say `true` where they were told to; later ones take it for granted and say nothing. */
function parsePooled(lines: HeaderLines): boolean {
  const text = lines[headerNames.poolOptIn];
  if (text !== undefined && text !== 'true' && text !== 'false') {
    throw invalidRequest('the header Neon-Pool-Opt-In is neither true nor false');
  }
  return text !== 'false';
}

function parseTimeout(lines: HeaderLines): number | undefined {
  const text = lines[headerNames.timeout];
  if (text === undefined) return undefined;
  if (typeof text !== 'string' || !/^[1-9][0-9]{0,8}$/.test(text)) {
    throw invalidRequest('the header Pgwake-Timeout-Ms is no number of milliseconds from 1 to 999999999');
  }
  return Number(text);
}

function isTrue(lines: HeaderLines, name: string): boolean {
  return lines[name] === 'true';
}
