// One request and its answer, over HTTP/1.1 or HTTP/2.

import type { IncomingHttpHeaders } from 'node:http';
import type { SessionId } from '@pgwake/ids';
import type { Client } from './client.js';

/** What is used of a request; Node's classes for both versions have it. */
export interface Request {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  off(event: 'data', listener: (chunk: Uint8Array) => void): unknown;
  off(event: 'end', listener: () => void): unknown;
  resume(): unknown;
}

/** What is used of a response; Node's classes for both versions have it. */
export interface Response {
  readonly headersSent: boolean;
  writeHead(status: number, headers: Headers): unknown;
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

/** Built from constants and own numbers only: nothing that a client sent stands in a header of ours. */
export type Headers = Readonly<Record<string, string | number>>;

/** Browsers may use this from any page: whoever has the password may. No cookies are read or set. */
const everyAnswer: Headers = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers':
    'Neon-Request-Id, Neon-Batch-Isolation-Level, Neon-Batch-Read-Only, Neon-Batch-Deferrable, Pgwake-Status, Retry-After',
  'cache-control': 'no-store',
};

/** Sends the head of an answer. */
export function writeHead({ response, id }: Exchange, status: number, headers: Headers): void {
  response.writeHead(status, { ...everyAnswer, 'neon-request-id': id, ...headers });
}

/** Sends a whole answer. */
export function answer(exchange: Exchange, status: number, headers: Headers, body: Uint8Array): void {
  writeHead(exchange, status, { ...headers, 'content-length': body.length });
  exchange.response.end(body);
}
