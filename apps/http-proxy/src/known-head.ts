// A client sends the same head on its connection again and again, but for the length of the body, and for lines that somebody on
// the way adds to each request. One that Node's parser has read is known by its bytes: to compare them costs next to nothing, and
// whatever differs goes to the parser again. Nothing is parsed here, so nothing can be read in two ways.

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

/** Where a request of HTTP/1.1 ends that begins with this chunk, as far as Node and we agree on it. */
export interface Extent {
  readonly headBytes: number;
  readonly bodyBytes: number;
}

type Parsed = Pick<IncomingMessage, 'rawHeaders' | 'headers' | 'method'>;

/** Longer ones are refused. */
export const maxHeadBytes = 16 * 1024;

/** `request`: the first one that Node's parser has found in the chunk. `undefined`: nobody knows where it ends. */
export function measureRequest(chunk: Buffer, { rawHeaders, headers, method }: Parsed): Extent | undefined {
  const endOfHead = chunk.indexOf('\r\n\r\n');
  if (endOfHead < 0 || headers['transfer-encoding'] !== undefined) return undefined;
  const head = chunk.toString('latin1', 0, endOfHead);
  const lines = head.split('\r\n');
  // Node has read this head, all of it and no other one, if it has read as many lines, which end in no other way.
  if (!head.startsWith(`${method} `) || /[\r\n]/.test(lines.join(''))) return undefined;
  if (lines.length - 1 !== rawHeaders.length / 2) return undefined;
  const { 'content-length': length = '0' } = headers;
  return isLength.test(length) ? { headBytes: endOfHead + 4, bodyBytes: Number(length) } : undefined;
}

/**
 * Lines that proxies and tracers write anew for each request, and that nobody here reads, so it does not matter what they say.
 * Whoever wants to read one takes it from this list.
 */
const unread: ReadonlySet<string> = new Set([
  ...['b3', 'baggage', 'cf-connecting-ip', 'cf-ray', 'forwarded', 'sentry-trace', 'traceparent', 'tracestate', 'via'],
  ...[
    'x-amzn-trace-id',
    'x-b3-parentspanid',
    'x-b3-spanid',
    'x-b3-traceid',
    'x-cloud-trace-context',
    'x-correlation-id',
  ],
  ...['x-datadog-parent-id', 'x-datadog-trace-id', 'x-envoy-attempt-count', 'x-envoy-expected-rq-timeout-ms'],
  ...['x-forwarded-for', 'x-real-ip', 'x-request-id', 'x-request-start', 'x-vercel-id'],
]);

export class KnownHead {
  readonly headers: IncomingHttpHeaders;
  /** What has to be the same. Between two of them stands the length, or the value of an unread line. */
  readonly #pieces: readonly Buffer[];
  /** Behind which piece the length stands. */
  readonly #lengthAt: number;

  private constructor(headers: IncomingHttpHeaders, pieces: readonly Buffer[], lengthAt: number) {
    this.headers = headers;
    this.#pieces = pieces;
    this.#lengthAt = lengthAt;
  }

  /** Of a request that Node has found in this chunk, and measured by `measureRequest`. `undefined`: it says no length. */
  static of(chunk: Buffer, { headers }: Pick<Parsed, 'headers'>, { headBytes }: Extent): KnownHead | undefined {
    const pieces: Buffer[] = [];
    let lengthAt: number | undefined;
    let from = 0;
    for (const line of chunk.toString('latin1', 0, headBytes).matchAll(/\r\n([^:\r\n]+):([ \t]*)([^\r\n]*)/g)) {
      const [, name = '', space = '', value = ''] = line;
      const isLength = name.toLowerCase() === 'content-length';
      if (!isLength && !unread.has(name.toLowerCase())) continue;
      if (isLength) lengthAt = pieces.length;
      const at = line.index + '\r\n:'.length + name.length + space.length;
      pieces.push(Buffer.from(chunk.subarray(from, at)));
      from = at + (isLength ? value.trimEnd() : value).length;
    }
    pieces.push(Buffer.from(chunk.subarray(from, headBytes)));
    return lengthAt === undefined ? undefined : new KnownHead(headers, pieces, lengthAt);
  }

  /** Where the body begins, if the chunk is this head and a body of the length that it says, and nothing else; otherwise -1. */
  findBody(chunk: Buffer): number {
    let at = 0;
    let bodyBytes = NaN;
    for (const [place, piece] of this.#pieces.entries()) {
      const end = at + piece.length;
      if (end > chunk.length || piece.compare(chunk, at, end) !== 0) return -1;
      at = end;
      if (place === this.#lengthAt) {
        at = endOf(isDigit, chunk, end);
        bodyBytes = at - end > mostDigits || at === end ? NaN : Number(chunk.toString('latin1', end, at));
      } else if (place < this.#pieces.length - 1) at = endOf(isOfValue, chunk, end);
    }
    return at <= maxHeadBytes && chunk.length === at + bodyBytes ? at : -1;
  }
}

/** Of a length. More than fits into one chunk is not looked for. */
const mostDigits = 8;
const isLength = /^[0-9]{1,8}$/;

/** Where the bytes end that are of this kind. */
function endOf(isOfKind: (byte: number) => boolean, chunk: Buffer, from: number): number {
  let at = from;
  while (at < chunk.length && isOfKind(chunk[at] as number)) at += 1;
  return at;
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

/** RFC 9110, 5.5: what any parser takes for part of a value. What is behind it has to be the end of the line. */
function isOfValue(byte: number): boolean {
  return (byte >= 0x20 && byte <= 0x7e) || byte === 0x09;
}
