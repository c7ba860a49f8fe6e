// A request and its answer by Node's classes, for HTTP/1.1 and HTTP/2.

import { type IncomingMessage, ServerResponse } from 'node:http';
import { type Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { SessionId } from '@pgwake/ids';
import type { Client } from './client.js';
import { type AnswerStream, type Exchange, type Headers, headLines } from './exchange.js';

export type NodeRequest = IncomingMessage | Http2ServerRequest;
export type NodeResponse = ServerResponse | Http2ServerResponse;

export class NodeExchange implements Exchange {
  readonly id: SessionId;
  readonly client: Client;
  readonly body: NodeRequest;
  readonly stream: AnswerStream;
  readonly #response: NodeResponse;
  readonly #keepAliveHint: string;

  /** `keepAliveHint`: the value of the header Keep-Alive, which HTTP/2 has none of. */
  constructor(request: NodeRequest, response: NodeResponse, client: Client, id: SessionId, keepAliveHint = '') {
    this.id = id;
    this.client = client;
    this.body = request;
    this.#response = response;
    this.#keepAliveHint = keepAliveHint;
    this.stream = {
      begin: (status, headers) => this.#writeHead(status, headLines(this, headers)),
      write: (chunk) => (response as ServerResponse).write(chunk),
      end: (chunk) => void response.end(chunk),
      on: (event, listener) => response.on(event, listener),
      off: (event, listener) => response.off(event, listener),
    };
    // 'close' follows. An 'error' that nobody hears would end the process.
    response.on('error', ignore);
  }

  get headers(): IncomingMessage['headers'] {
    return this.body.headers;
  }

  get isAnswered(): boolean {
    return this.#response.headersSent;
  }

  answer(status: number, headers: Headers, body: Uint8Array): boolean {
    this.#writeHead(status, headLines(this, headers, body.length));
    this.#response.end(body);
    return false;
  }

  closeAfterwards(): void {
    const response = this.#response;
    if (response instanceof Http2ServerResponse) response.stream.session?.close();
    else if (!response.headersSent) response.setHeader('connection', 'close');
  }

  breakOff(): void {
    this.#response.destroy();
  }

  onceGone(act: () => void): void {
    this.#response.once('close', act);
  }

  #writeHead(status: number, lines: (string | number)[]): void {
    const response = this.#response;
    if (response instanceof ServerResponse) {
      if (response.shouldKeepAlive && !response.hasHeader('connection')) lines.push('keep-alive', this.#keepAliveHint);
      // Node writes a list as it stands; of an object it first makes one.
      response.writeHead(status, lines);
    } else response.writeHead(status, toRecord(lines));
  }
}

function toRecord(lines: Headers): Record<string, string | number> {
  const record: Record<string, string | number> = {};
  for (let at = 0; at < lines.length; at += 2) record[String(lines[at])] = lines[at + 1] ?? '';
  return record;
}

function ignore(): void {
  return undefined;
}
