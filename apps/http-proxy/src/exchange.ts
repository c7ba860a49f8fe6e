// One request and its answer, over HTTP/1.1 or HTTP/2.

import { type IncomingHttpHeaders, STATUS_CODES, ServerResponse } from 'node:http';
import type { SessionId } from '@pgwake/ids';
import type { Client } from './client.js';
import { DirectResponse } from './direct-response.js';

/** What is used of a request; Node's classes for both versions have it. */
export interface Request {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
}

/** What is used of a response; Node's classes for both versions have it. */
export interface Response {
  readonly headersSent: boolean;
  writeHead(status: number, headers: Record<string, string | number>): unknown;
  /** False: no more for now, until 'drain'. */
  write(chunk: Uint8Array): boolean;
  end(chunk: Uint8Array): unknown;
  destroy(): unknown;
  on(event: 'drain' | 'close' | 'error', listener: () => void): unknown;
  off(event: 'drain' | 'close' | 'error', listener: () => void): unknown;
}

export interface Exchange {
  readonly request: Request;
  readonly response: Response;
  /** The request's name in logs, in calls made for it, and in its answer. */
  readonly id: SessionId;
  readonly client: Client;
}

/**
 * Names and values in turn. Built from constants and own numbers only: nothing that a client sent stands in a header of ours.
 */
export type Headers = readonly (string | number)[];

/**
 * Browsers may use this from any page: whoever has the password may. No cookies are read or set. A page that asks says where
 * it is from (https://fetch.spec.whatwg.org/#origin-header); nobody else looks at these, and nothing is cached.
 */
const forPages: Headers = [
  'access-control-allow-origin',
  '*',
  'access-control-expose-headers',
  'Neon-Request-Id, Neon-Batch-Isolation-Level, Neon-Batch-Read-Only, Neon-Batch-Deferrable, Pgwake-Status, Retry-After',
];

/** Sends the head of an answer, of which it is known how long it will be, or not. */
export function writeHead(exchange: Exchange, status: number, headers: Headers, length?: number): void {
  const { response } = exchange;
  const lines = linesOf(exchange, headers, length);
  // Node writes a list as it stands; of an object it first makes one.
  if (response instanceof ServerResponse) response.writeHead(status, lines);
  else response.writeHead(status, toRecord(lines));
}

/** Sends a whole answer. `body` is the caller's again when this returns true. */
export function answer(exchange: Exchange, status: number, headers: Headers, body: Uint8Array): boolean {
  const { response } = exchange;
  if (response instanceof DirectResponse) {
    const head = renderHead(status, linesOf(exchange, headers, body.length));
    if (response.endDirectly(head, body)) return true;
  }
  writeHead(exchange, status, headers, body.length);
  response.end(body);
  return false;
}

function linesOf(
  { request, response, id }: Exchange,
  headers: Headers,
  length: number | undefined,
): (string | number)[] {
  const lines = ['cache-control', 'no-store', 'neon-request-id', id, ...headers];
  if (response instanceof DirectResponse && response.isConnectionKept) lines.push('keep-alive', response.keepAliveHint);
  if (length !== undefined) lines.push('content-length', length);
  if (request.headers.origin !== undefined) lines.push(...forPages);
  return lines;
}

function renderHead(status: number, lines: Headers): string {
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`;
  for (let at = 0; at < lines.length; at += 2) head += `${lines[at]}: ${lines[at + 1]}\r\n`;
  return head;
}

function toRecord(lines: Headers): Record<string, string | number> {
  const record: Record<string, string | number> = {};
  for (let at = 0; at < lines.length; at += 2) record[String(lines[at])] = lines[at + 1] ?? '';
  return record;
}
