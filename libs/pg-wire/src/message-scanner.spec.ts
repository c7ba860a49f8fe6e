import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MessageScanner, type Scan, concatBytes, encodeMessage } from './index.js';

type Seen = { readonly tag: number; readonly body: Uint8Array } | Scan;

function drain(scanner: MessageScanner): Seen[] {
  const seen: Seen[] = [];
  for (;;) {
    const scan = scanner.next();
    if (scan === 'incomplete') return seen;
    if (scan !== 'message') return [...seen, scan];
    seen.push({ tag: scanner.tag, body: scanner.body.slice() });
  }
}

function scanAll(chunks: readonly Uint8Array[], maxBodyBytes: number): Seen[] {
  const scanner = new MessageScanner({ maxBodyBytes });
  const seen: Seen[] = [];
  for (const chunk of chunks) {
    scanner.push(chunk);
    seen.push(...drain(scanner));
    if (typeof seen.at(-1) === 'string') break;
  }
  return seen;
}

function cut(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const borders = [0, ...cuts.map((at) => at % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return borders.slice(1).map((to, index) => bytes.subarray(borders[index], to));
}

const anyMessage = fc.record({ tag: fc.integer({ min: 1, max: 255 }), body: fc.uint8Array({ maxLength: 300 }) });

describe('MessageScanner', () => {
  it('finds messages whole and in order, however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(anyMessage, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 20 }), (messages, cuts) => {
        const stream = concatBytes(...messages.map(({ tag, body }) => encodeMessage(tag, body)));
        expect(scanAll(cut(stream, cuts), 300)).toEqual(messages);
      }),
    );
  });

  it('says the same of any bytes, whole or cut, and never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(fc.nat(), { maxLength: 10 }), (bytes, cuts) => {
        expect(scanAll(cut(bytes, cuts), 100)).toEqual(scanAll([bytes], 100));
      }),
    );
  });

  it.each([
    [0, 'malformed'],
    [3, 'malformed'],
    [4 + 17, 'tooLong'],
    [0x4000_0000, 'tooLong'],
    [0xffff_ffff, 'tooLong'],
  ] as const)('is done with a stream once a message announces the length %d', (length, verdict) => {
    const scanner = new MessageScanner({ maxBodyBytes: 16 });
    scanner.push(Uint8Array.of(68, length >>> 24, length >>> 16, length >>> 8, length));
    expect(scanner.next()).toBe(verdict);
    scanner.push(encodeMessage(68));
    expect(scanner.next()).toBe(verdict);
  });

  it('gives a view of the chunk, not a copy', () => {
    const scanner = new MessageScanner({ maxBodyBytes: 16 });
    const chunk = encodeMessage(68, Uint8Array.of(1, 2));
    scanner.push(chunk);
    expect(scanner.next()).toBe('message');
    expect(scanner.body.buffer).toBe(chunk.buffer);
  });

  it('says whether the next chunk begins with a message', () => {
    const scanner = new MessageScanner({ maxBodyBytes: 16 });
    const message = encodeMessage(68, Uint8Array.of(1, 2));
    for (let cut = 0; cut < message.length; cut += 1) {
      expect(scanner.isBetweenMessages).toBe(true);
      scanner.push(message.subarray(0, cut));
      expect(scanner.next()).toBe('incomplete');
      expect(scanner.isBetweenMessages).toBe(cut === 0);
      scanner.push(message.subarray(cut));
      expect(scanner.next()).toBe('message');
      expect(scanner.next()).toBe('incomplete');
    }
    scanner.push(Uint8Array.of(68, 0, 0, 0, 0));
    expect(scanner.next()).toBe('malformed');
    expect(scanner.isBetweenMessages).toBe(false);
  });

  it('leaves what is behind a message to whoever takes it', () => {
    const scanner = new MessageScanner({ maxBodyBytes: 16 });
    const message = encodeMessage(68, Uint8Array.of(1, 2));
    const others = Uint8Array.of(9, 9, 9);
    scanner.push(concatBytes(message, others));
    expect(scanner.next()).toBe('message');
    expect(scanner.rest).toEqual(others);
    scanner.dropRest();
    expect([scanner.next(), scanner.isBetweenMessages]).toEqual(['incomplete', true]);
    scanner.push(message);
    expect(scanner.rest).toEqual(message);
    expect(scanner.next()).toBe('message');
    expect(scanner.rest).toHaveLength(0);
  });

  it('copies each byte a bounded number of times when fed byte by byte', () => {
    const body = new Uint8Array(1_000_000).fill(5);
    const scanner = new MessageScanner({ maxBodyBytes: body.length });
    // Quadratic copying would move 500 GB here and run into the test's time limit.
    const scans = [...encodeMessage(68, body)].map((byte) => {
      scanner.push(Uint8Array.of(byte));
      return scanner.next();
    });
    expect(scans.at(-1)).toBe('message');
    expect(scans.filter((scan) => scan !== 'incomplete')).toHaveLength(1);
    expect(scanner.body).toHaveLength(body.length);
  });
});
