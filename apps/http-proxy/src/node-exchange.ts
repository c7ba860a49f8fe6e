// A request and its answer by Node's classes, for HTTP/1.1 and HTTP/2.

import { type IncomingMessage, ServerResponse } from 'node:http';
import { type Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { SessionId } from '@pgwake/ids';
import type { Client } from './client.js';
import { type AnswerStream, type Exchange, type Headers, headLines } from './exchange.js';

export type NodeRequest = IncomingMessage | Http2ServerRequest;
export type NodeResponse = ServerResponse | Http2ServerResponse;

/** The connection of HTTP/1.1 that it came on. */
export interface NodeCarrier {
  /** The value of the header Keep-Alive: for how long it stays open without a request. */
  readonly keepAliveHint: string;
  /** It has a whole answer. */
  answered(request: object, status: number): void;
  /** The connection will end with its answer. */
  willEnd(): void;
}

export class NodeExchange implements Exchange {
  readonly id: SessionId;
  readonly client: Client;
  readonly body: NodeRequest;
  readonly stream: AnswerStream;
  readonly #response: NodeResponse;
  readonly #carrier: NodeCarrier | undefined;

  /** `carrier`: none in HTTP/2. */
  constructor(request: NodeRequest, response: NodeResponse, client: Client, id: SessionId, carrier?: NodeCarrier) {
    this.id = id;
    this.client = client;
    this.body = request;
    this.#response = response;
    this.#carrier = carrier;
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
    this.#carrier?.answered(this.body, status);
    return false;
  }

  closeAfterwards(): void {
    const response = this.#response;
    if (response instanceof Http2ServerResponse) response.stream.session?.close();
    else if (!response.headersSent) {
      response.setHeader('connection', 'close');
      this.#carrier?.willEnd();
    }
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
      const isKept = response.shouldKeepAlive && !response.hasHeader('connection');
      if (isKept && this.#carrier !== undefined) lines.push('keep-alive', this.#carrier.keepAliveHint);
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
