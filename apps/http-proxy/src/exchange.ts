// One request and its answer, whatever it came by.

import { type IncomingHttpHeaders, STATUS_CODES } from 'node:http';
import type { SessionId } from '@pgwake/ids';
import type { Client } from './client.js';

export interface Exchange {
  /** The request's name in logs, in calls made for it, and in its answer. */
  readonly id: SessionId;
  readonly client: Client;
  readonly headers: IncomingHttpHeaders;
  /** What came after the head: whole if it is here already, else as it comes. */
  readonly body: Uint8Array | BodyStream;
  /** For answers of which nobody knows how long they will be. None: only whole ones. */
  readonly stream: AnswerStream | undefined;
  /** An answer has begun, and may be complete. */
  readonly isAnswered: boolean;
  /** Sends a whole answer. `body` is the caller's again when this returns true. */
  answer(status: number, headers: Headers, body: Uint8Array): boolean;
  /** No request follows on this connection; answers under way are finished first. */
  closeAfterwards(): void;
  /** There is nothing right to say: the connection ends, or what stands for it in HTTP/2. */
  breakOff(): void;
  /** Calls `act` when the client leaves, be it with its answer. */
  onceGone(act: () => void): void;
}

export interface BodyStream {
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
}

export interface AnswerStream {
  begin(status: number, headers: Headers): void;
  /** False: no more for now, until 'drain'. */
  write(chunk: Uint8Array): boolean;
  end(chunk: Uint8Array): void;
  on(event: 'drain', listener: () => void): unknown;
  off(event: 'drain', listener: () => void): unknown;
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

/** All that stands in the head of this answer, but what concerns the connection. */
export function headLines(
  { id, headers: { origin } }: Exchange,
  headers: Headers,
  length?: number,
): (string | number)[] {
  const lines = ['cache-control', 'no-store', 'neon-request-id', id, ...headers];
  if (length !== undefined) lines.push('content-length', length);
  if (origin !== undefined) lines.push(...forPages);
  return lines;
}

/** Without its end. */
export function statusLine(status: number): string {
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`;
}
