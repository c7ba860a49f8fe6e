import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { KnownHead, measureRequest } from './known-head.js';

const lines = ['Host: api.localhost', 'Content-Length: 12', 'Neon-Connection-String: postgres://app:right@demo/app'];
const body = '{"query":""}';

function requestOf(head: readonly string[], rest = body): Buffer {
  return Buffer.from(`POST /sql HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\n${rest}`, 'latin1');
}

/** What Node makes of it. */
function parsed(head: readonly string[]): Parameters<typeof measureRequest>[1] {
  const rawHeaders = head.flatMap((line) => {
    const [, name, value] = /^([^:]*):[ \t]*(.*?)[ \t]*$/.exec(line) as unknown as [string, string, string];
    return [name, value];
  });
  const headers = Object.fromEntries(head.map((_, at) => [rawHeaders[2 * at]?.toLowerCase(), rawHeaders[2 * at + 1]]));
  return { rawHeaders, headers, method: 'POST' };
}

function know(head: readonly string[] = lines): KnownHead | undefined {
  const chunk = requestOf(head);
  const extent = measureRequest(chunk, parsed(head));
  return extent && KnownHead.of(chunk, parsed(head), extent);
}

/** The body that is found in it. */
function find(chunk: Buffer, known = know()): string | undefined {
  const at = known?.findBody(chunk) ?? -1;
  return at < 0 ? undefined : chunk.toString('latin1', at);
}

/** The lines with one of them changed. */
function changed(at: number, to: string): string[] {
  return lines.map((line, index) => (index === at ? to : line));
}

describe('where a request ends', () => {
  const length = requestOf(lines).length;

  it.each([
    ['that is all of the chunk', requestOf(lines), lines, [length - 12, 12]],
    ['with more behind it', requestOf(lines, `${body}POST`), lines, [length - 12, 12]],
    ['of which a part is still to come', requestOf(lines, '{'), lines, [length - 12, 12]],
    ['without a body', requestOf(['Host: a'], ''), ['Host: a'], [31, 0]],
  ] as const)('is known of one %s', (_, chunk, head, [headBytes, bodyBytes]) => {
    expect(measureRequest(chunk, parsed(head))).toEqual({ headBytes, bodyBytes });
  });

  it.each([
    ['whose head began before', Buffer.from('Host: a\r\nContent-Length: 0\r\n\r\n'), ['Host: a', 'Content-Length: 0']],
    ['behind an empty line', Buffer.from('\r\n\r\nPOST / HTTP/1.1\r\nHost: a\r\n\r\n'), ['Host: a']],
    ['with a bare line feed', Buffer.from('POST / HTTP/1.1\r\nHost: a\nX-B: c\r\n\r\n'), ['Host: a', 'X-B: c']],
    ['of which Node has read more lines', requestOf(['Host: a']), ['Host: a', 'X-Word: b']],
    ['of which Node has read fewer lines', requestOf(['Host: a', 'X-Word: b']), ['Host: a']],
    ['in chunks', requestOf(['Transfer-Encoding: chunked'], '0\r\n\r\n'), ['Transfer-Encoding: chunked']],
    [
      'with a length that is too long for a length',
      requestOf(['Content-Length: 123456789']),
      ['Content-Length: 123456789'],
    ],
    ['whose head does not end', Buffer.from('POST / HTTP/1.1\r\nHost: a\r\n'), ['Host: a']],
  ])('is unknown of one %s', (_, chunk, head) => {
    expect(measureRequest(chunk, parsed(head))).toBeUndefined();
  });
});

describe('a known head', () => {
  it('is found with any body of the length that it says', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => {
        const text = Buffer.from(bytes).toString('latin1');
        expect(find(requestOf(changed(1, `Content-Length: ${text.length}`), text))).toBe(text);
      }),
    );
  });

  it('is found wherever the length stands, and however it is written', () => {
    for (const line of ['content-length:12', 'CONTENT-LENGTH: \t12 ']) {
      for (const head of [[line], [line, 'Host: a'], ['Host: a', line], ['X-Length: content-length: 7', line]]) {
        expect(find(requestOf(head), know(head))).toBe(body);
      }
    }
  });

  it('is found whatever stands in a line that nobody reads', () => {
    const named = (id: string, trace = 'a') => [`x-request-id: ${id}`, ...lines, `TraceParent:${trace}`, 'Accept: */*'];
    const known = know(named('4711'));
    for (const id of ['', '7', 'a longer one, with "signs" and \t', 'Content-Length: 7']) {
      expect(find(requestOf(named(id, id)), known)).toBe(body);
    }
    for (const id of ['x'.repeat(16_384), '\r', '\n', 'a\r\nContent-Length: 7', '\0', '\x7f', '\xe4', 'a\r\n\r\n']) {
      expect(find(requestOf(named(id)), known)).toBeUndefined();
      expect(find(requestOf(named('4711', id)), known)).toBeUndefined();
    }
    expect(find(requestOf(named('4711').map((line) => line.replace('*/*', 'text/plain'))), known)).toBeUndefined();
    expect(find(requestOf(named('4711').slice(1)), known)).toBeUndefined();
  });

  it('is none without a length', () => {
    expect(know(['Host: a'])).toBeUndefined();
  });

  it.each([
    ['with another password', requestOf(changed(2, 'Neon-Connection-String: postgres://app:wrong@demo/app'))],
    ['with a line more', requestOf([...lines, 'Neon-Array-Mode: true'])],
    ['with a line less', requestOf(lines.slice(0, 2))],
    ['in another order', requestOf([...lines.slice(1), 'Host: api.localhost'])],
    ['with its length written otherwise', requestOf(changed(1, 'content-length: 12'))],
    ['without digits', requestOf(changed(1, 'Content-Length: '), '')],
    ['with a sign', requestOf(changed(1, 'Content-Length: +12'))],
    ['with nine digits', requestOf(changed(1, 'Content-Length: 000000012'))],
    ['with something behind the digits', requestOf(changed(1, 'Content-Length: 12a'))],
    ['with a second length', requestOf([...lines, 'Content-Length: 12'])],
    ['with a shorter body', requestOf(lines, body.slice(1))],
    ['with more behind the body', requestOf(lines, `${body} `)],
    ['behind something else', Buffer.concat([Buffer.from('\r\n'), requestOf(lines)])],
  ])('is not found %s', (_, chunk) => {
    expect(find(chunk)).toBeUndefined();
  });

  it('is not found when any byte of it is another, or it is cut anywhere', () => {
    const whole = requestOf(lines);
    const length = whole.indexOf('12');
    for (let at = 0; at < whole.length - body.length; at += 1) {
      if (at === length || at === length + 1) continue;
      const other = Buffer.from(whole);
      other[at] = (other[at] as number) ^ 0x20;
      expect(find(other)).toBeUndefined();
      expect(find(whole.subarray(0, at))).toBeUndefined();
    }
    expect(find(whole)).toBe(body);
  });
});
