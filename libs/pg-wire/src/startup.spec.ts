import { describe, expect, it } from '@jest/globals';
import { startupPackets } from '@pgwake/hostile-bytes';
import fc from 'fast-check';
import {
  type Parsed,
  type StartupRequest,
  concatBytes,
  encodeCancelRequest,
  encodeStartupMessage,
  parseStartupRequest,
} from './index.js';

const latin1 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));
const int32 = (value: number): Uint8Array => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
const version = (major: number, minor: number): number => major * 65536 + minor;

/** A packet with a true length word. `text` is latin1, so that any byte can be written. */
function packet(code: number, text = ''): Uint8Array {
  const body = latin1(text);
  return concatBytes(int32(body.length + 8), int32(code), body);
}

const v3 = (text: string): Uint8Array => packet(version(3, 0), text);

function classOf(parsed: Parsed<StartupRequest>): string {
  if (parsed.kind === 'value') return parsed.value.kind;
  return parsed.kind === 'violation' ? `${parsed.sqlState} ${parsed.what}` : parsed.kind;
}

/** The answer at the first byte that settles it. */
function classByteByByte(bytes: Uint8Array): string {
  for (let end = 0; end < bytes.length; end += 1) {
    const early = classOf(parseStartupRequest(bytes.subarray(0, end)));
    if (early !== 'incomplete') return early;
  }
  return classOf(parseStartupRequest(bytes));
}

describe('parseStartupRequest', () => {
  it.each(startupPackets)('$name', ({ bytes, parsed }) => {
    expect(classOf(parseStartupRequest(bytes))).toBe(parsed);
  });

  it.each(startupPackets)('$name, split anywhere', ({ bytes, parsed }) => {
    expect(classByteByByte(bytes)).toBe(parsed);
  });

  it.each(startupPackets)('$name, before 1 MB of noise', ({ bytes, parsed: expected }) => {
    const parsed = parseStartupRequest(concatBytes(bytes, new Uint8Array(1_000_000).fill(0x41)));
    // The noise completes what was incomplete; it must not become a request, nor be consumed with one.
    if (expected === 'incomplete') expect(parsed.kind).toBe('violation');
    else expect(classOf(parsed)).toBe(expected);
    if (parsed.kind === 'value')
      expect(parsed.consumed).toBe(new DataView(bytes.buffer, bytes.byteOffset).getUint32(0));
  });

  it('gives the parameters as sent, in order', () => {
    expect(parseStartupRequest(packet(version(3, 2), 'user\0app\0_pq_.x\0y\0options\0 -c a=b \0empty\0\0\0'))).toEqual({
      kind: 'value',
      consumed: 51,
      value: {
        kind: 'startup',
        major: 3,
        minor: 2,
        parameters: [
          ['user', 'app'],
          ['_pq_.x', 'y'],
          ['options', ' -c a=b '],
          ['empty', ''],
        ],
      },
    });
  });

  it('keeps a byte order mark, which would make two users equal', () => {
    const parsed = parseStartupRequest(v3('user\0\xef\xbb\xbfapp\0\0'));
    expect(parsed).toMatchObject({ value: { parameters: [['user', '\ufeffapp']] } });
  });

  it('gives a secret that later bytes in the same buffer cannot change', () => {
    const bytes = encodeCancelRequest(7, Uint8Array.of(1, 2, 3, 4));
    const parsed = parseStartupRequest(bytes);
    bytes.fill(9);
    expect(parsed).toMatchObject({ value: { kind: 'cancel', pid: 7, secret: Uint8Array.of(1, 2, 3, 4) } });
  });

  it('reads what encodeStartupMessage writes', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 20 }).map((raw) => raw.replaceAll('\0', ''));
    const named = fc.tuple(
      text.filter((name) => name !== '' && name !== 'user'),
      text,
    );
    const parameters = fc
      .tuple(
        text.filter((user) => user !== ''),
        fc.uniqueArray(named, { selector: ([name]) => name, maxLength: 20 }),
      )
      .map(([user, others]) => [['user', user] as [string, string], ...others]);
    fc.assert(
      fc.property(parameters, fc.integer({ min: 0, max: 0xffff }), (sent, minor) => {
        const bytes = encodeStartupMessage(sent, minor);
        expect(parseStartupRequest(bytes)).toEqual({
          kind: 'value',
          consumed: bytes.length,
          value: { kind: 'startup', major: 3, minor, parameters: sent },
        });
      }),
    );
  });

  it('reads what encodeCancelRequest writes', () => {
    fc.assert(
      fc.property(fc.nat({ max: 0xffff_ffff }), fc.uint8Array({ minLength: 4, maxLength: 256 }), (pid, secret) => {
        const parsed = parseStartupRequest(encodeCancelRequest(pid, secret));
        expect(parsed).toMatchObject({ kind: 'value', value: { kind: 'cancel', pid, secret } });
      }),
    );
  });

  it('throws for no bytes whatever, and consumes only what is there', () => {
    const noise = fc.uint8Array({ maxLength: 64 });
    const nearly = fc
      .tuple(fc.integer({ min: 8, max: 40 }), fc.constantFrom(version(3, 0), 80_877_102, 80_877_103), noise)
      .map(([length, code, body]) => concatBytes(int32(length), int32(code), body));
    fc.assert(
      fc.property(fc.oneof(noise, nearly), (bytes) => {
        const parsed = parseStartupRequest(bytes);
        if (parsed.kind === 'value') expect(parsed.consumed).toBeLessThanOrEqual(bytes.length);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('encodeStartupMessage', () => {
  it.each([
    ['a NUL in a value', [['user', 'a\0database']]],
    ['an empty name', [['', 'x']]],
    ['10,005 bytes', [['user', 'a'.repeat(10_005 - 8 - 7)]]],
  ] as const)('throws for %s', (_name, parameters) => {
    expect(() => encodeStartupMessage(parameters)).toThrow(RangeError);
  });
});
