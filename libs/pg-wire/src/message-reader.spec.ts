import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  type MessageReader,
  type Violation,
  type WireMessage,
  backendTag,
  concatBytes,
  createMessageReader,
  encodeMessage,
  encodeReadyForQuery,
} from './index.js';

function drain(reader: MessageReader): (WireMessage | Violation)[] {
  const seen: (WireMessage | Violation)[] = [];
  for (let read = reader.next(); read !== undefined; read = reader.next()) {
    seen.push(read);
    if (read.kind === 'violation') break;
  }
  return seen;
}

function cut(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const borders = [0, ...cuts.map((at) => at % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return borders.slice(1).map((to, index) => bytes.subarray(borders[index], to));
}

const anyMessage = fc.record({ tag: fc.integer({ min: 1, max: 255 }), body: fc.uint8Array({ maxLength: 300 }) });

describe('createMessageReader', () => {
  it('gives messages whole and in order, however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(anyMessage, { maxLength: 8 }), fc.array(fc.nat(), { maxLength: 20 }), (messages, cuts) => {
        const stream = concatBytes(...messages.map(({ tag, body }) => encodeMessage(tag, body)));
        const reader = createMessageReader({ maxBodyBytes: 300 });
        const seen = cut(stream, cuts).flatMap((chunk) => {
          reader.push(chunk);
          return drain(reader);
        });
        expect(seen).toEqual(messages.map(({ tag, body }) => ({ kind: 'message', tag, body })));
        expect(reader.rest()).toHaveLength(0);
      }),
    );
  });

  it('answers the same for any bytes, whole or cut, and never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(fc.nat(), { maxLength: 10 }), (bytes, cuts) => {
        const whole = createMessageReader({ maxBodyBytes: 100 });
        whole.push(bytes);
        const pieces = createMessageReader({ maxBodyBytes: 100 });
        const seen: (WireMessage | Violation)[] = [];
        for (const chunk of cut(bytes, cuts)) {
          if (seen.at(-1)?.kind === 'violation') break;
          pieces.push(chunk);
          seen.push(...drain(pieces));
        }
        expect(seen).toEqual(drain(whole));
      }),
    );
  });

  it.each([0, 1, 3, 4 + 17, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff])('refuses the length word %d at once', (length) => {
    const reader = createMessageReader({ maxBodyBytes: 16 });
    reader.push(Uint8Array.of(backendTag.dataRow, length >>> 24, length >>> 16, length >>> 8, length));
    const refused = { kind: 'violation', what: 'invalid message length', sqlState: '08P01' };
    expect(reader.next()).toEqual(refused);
    reader.push(encodeReadyForQuery());
    expect(reader.next()).toEqual(refused);
  });

  it('takes a body of exactly the limit, and an empty one', () => {
    const reader = createMessageReader({ maxBodyBytes: 16 });
    reader.push(concatBytes(encodeMessage(1, new Uint8Array(16)), encodeMessage(2)));
    expect(drain(reader)).toEqual([
      { kind: 'message', tag: 1, body: new Uint8Array(16) },
      { kind: 'message', tag: 2, body: new Uint8Array(0) },
    ]);
  });

  it('hands over what it has not given out', () => {
    const reader = createMessageReader({ maxBodyBytes: 16 });
    reader.push(concatBytes(encodeReadyForQuery(), Uint8Array.of(1, 2, 3)));
    expect(reader.next()).toMatchObject({ tag: backendTag.readyForQuery });
    expect(reader.next()).toBeUndefined();
    expect(reader.rest()).toEqual(Uint8Array.of(1, 2, 3));
  });

  it('keeps a message it gave out untouched by what is pushed later', () => {
    const reader = createMessageReader({ maxBodyBytes: 16 });
    const chunk = encodeMessage(1, Uint8Array.of(7, 7));
    reader.push(chunk);
    const message = reader.next();
    chunk.fill(0);
    for (let round = 0; round < 50; round += 1) {
      reader.push(encodeMessage(2, Uint8Array.of(9, 9)));
      reader.next();
    }
    expect(message).toEqual({ kind: 'message', tag: 1, body: Uint8Array.of(7, 7) });
  });

  it('copies each byte a bounded number of times when fed byte by byte', () => {
    const body = new Uint8Array(1_000_000).fill(5);
    const reader = createMessageReader({ maxBodyBytes: body.length });
    // Quadratic copying would move 500 GB here and run into the test's time limit.
    for (const byte of encodeMessage(1, body)) {
      reader.next();
      reader.push(Uint8Array.of(byte));
    }
    expect(reader.next()).toMatchObject({ tag: 1 });
  });
});
