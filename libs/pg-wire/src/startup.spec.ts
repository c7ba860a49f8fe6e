import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  type Parsed,
  type StartupRequest,
  concatBytes,
  encodeCancelRequest,
  encodeGssEncRequest,
  encodeSslRequest,
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
/** A packet that announces `length` and brings the start of an ordinary one. */
const announcing = (length: number): Uint8Array =>
  concatBytes(int32(length), int32(version(3, 0)), latin1('user\0app\0\0'));
const filledTo = (length: number): Uint8Array => v3(`user\0app\0x\0${'a'.repeat(length - 8 - 13)}\0\0`);

const invalidLength = '08P01 invalid length of startup packet';
const noTerminator = '08P01 startup packet has no terminator';
const noValue = '08P01 startup packet has a parameter without a value';
const twice = '08P01 startup packet has a parameter twice';
const noUser = '28000 no PostgreSQL user name specified in startup packet';
const notUtf8 = '08P01 startup packet is not valid UTF-8';
const unsupported = (text: string): string => `0A000 unsupported frontend protocol ${text}`;

/** Each packet whole, and the one answer it gets: the kind of request, `incomplete`, or SQLSTATE and text. */
const corpus: readonly (readonly [name: string, bytes: Uint8Array, expected: string])[] = [
  ...[0, 1, 4, 7, 10_005, 65_536, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff].map(
    (length) => [`length word ${length}`, announcing(length), invalidLength] as const,
  ),
  ['length word 8', announcing(8), noTerminator],
  ['length word 9', announcing(9), noTerminator],
  ['length word 15', announcing(15), noValue],
  ['length word 16', announcing(16), noValue],
  ['length word 17', announcing(17), noTerminator],
  ['length word 18', announcing(18), 'startup'],
  ['length word 19', announcing(19), 'incomplete'],
  ['length word 10,004 before the rest is there', announcing(10_004), 'incomplete'],
  ['10,000 bytes', filledTo(10_000), 'startup'],
  ['10,003 bytes', filledTo(10_003), 'startup'],
  ['10,004 bytes', filledTo(10_004), 'startup'],
  ['10,005 bytes', filledTo(10_005), invalidLength],

  ['SSLRequest', encodeSslRequest(), 'ssl'],
  ['SSLRequest with a body', packet(80_877_103, 'x'), '08P01 invalid length of SSL request'],
  ['GSSENCRequest', encodeGssEncRequest(), 'gssenc'],
  ['GSSENCRequest with a body', packet(80_877_104, 'x'), '08P01 invalid length of GSS encryption request'],
  ['cancel with a secret of 4 bytes', packet(80_877_102, '\0\0\0\x01abcd'), 'cancel'],
  ['cancel with a secret of 256 bytes', packet(80_877_102, `\0\0\0\x01${'s'.repeat(256)}`), 'cancel'],
  ['cancel with a secret of 3 bytes', packet(80_877_102, '\0\0\0\x01abc'), '08P01 invalid length of cancel request'],
  ['cancel with a secret of 257 bytes', packet(80_877_102, 's'.repeat(261)), '08P01 invalid length of cancel request'],
  ['cancel without anything', packet(80_877_102), '08P01 invalid length of cancel request'],

  ['version 0', packet(0, 'user\0app\0\0'), unsupported('0.0')],
  ['version 1.0', packet(version(1, 0)), unsupported('1.0')],
  ['version 2.0', packet(version(2, 0), 'x'.repeat(288)), unsupported('2.0')],
  ['version 3.1', packet(version(3, 1), 'user\0app\0\0'), 'startup'],
  ['version 3.2', packet(version(3, 2), 'user\0app\0\0'), 'startup'],
  ['version 3.9999', packet(version(3, 9999), 'user\0app\0\0'), 'startup'],
  ['version 4.0', packet(version(4, 0), 'user\0app\0\0'), unsupported('4.0')],
  ['code 1234.5677', packet(version(1234, 5677)), unsupported('1234.5677')],
  ['code 1234.5681', packet(version(1234, 5681)), unsupported('1234.5681')],
  ['version 65535.65535', packet(0xffff_ffff), unsupported('65535.65535')],

  ['no parameters', v3('\0'), noUser],
  ['no parameters, no terminator', v3(''), noTerminator],
  ['no user', v3('database\0db\0\0'), noUser],
  ['an empty user', v3('user\0\0\0'), noUser],
  ['User in upper case', v3('User\0app\0\0'), noUser],
  ['the last NUL missing', v3('user\0app\0'), noTerminator],
  ['the last two NULs missing', v3('user\0app'), noValue],
  ['a name without a value', v3('user\0app\0database\0'), noValue],
  ['a name without its NUL', v3('user\0app\0database'), noTerminator],
  ['an empty name with a value', v3('\0x\0user\0app\0\0'), '08P01 startup packet goes on after its terminator'],
  ['only NULs', v3('\0\0\0\0'), '08P01 startup packet goes on after its terminator'],
  ['a byte behind the terminator', v3('user\0app\0\0\0'), '08P01 startup packet goes on after its terminator'],
  [
    '1,000 pairs of two bytes and more',
    v3(`user\0app\0${Array.from({ length: 1000 }, (_, i) => `${i}\0v\0`).join('')}\0`),
    'startup',
  ],
  ['2,400 equal pairs', v3(`user\0app\0${'a\0b\0'.repeat(2400)}\0`), twice],
  ['user twice', v3('user\0app\0user\0postgres\0\0'), twice],
  ['user twice alike', v3('user\0app\0user\0app\0\0'), twice],
  ['database twice', v3('user\0app\0database\0a\0database\0b\0\0'), twice],
  ['options twice', v3('user\0app\0options\0\0options\0-c a=b\0\0'), twice],
  ['__proto__ as a name', v3('__proto__\0x\0user\0app\0\0'), 'startup'],
  ['a user in latin1', v3('user\0\xe4\0\0'), notUtf8],
  ['a name in latin1', v3('user\0app\0\xff\0x\0\0'), notUtf8],
  ['an overlong NUL', v3('user\0a\xc0\x80b\0\0'), notUtf8],
  ['a UTF-16 surrogate in UTF-8', v3('user\0\xed\xa0\x80\0\0'), notUtf8],
  ['a user of 64 bytes', v3(`user\0${'u'.repeat(64)}\0\0`), 'startup'],
  ['a database name full of signs', v3('user\0app\0database\0/?#%;\'" \\\0\0'), 'startup'],
  ['replication=banana', v3('user\0app\0replication\0banana\0\0'), 'startup'],
  ['a protocol option', v3('user\0app\0_pq_.x\0y\0\0'), 'startup'],

  ['TLS ClientHello', latin1('\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03'), invalidLength],
  ['SSLv2 ClientHello', latin1('\x80\x2e\x01\0\x02\0\x15\0\0\0\x10'), invalidLength],
  ['GET', latin1('GET / HTTP/1.1\r\n\r\n'), invalidLength],
  ['SSH', latin1('SSH-2.0-OpenSSH_9.2\r\n'), invalidLength],
  ['HTTP/2', latin1('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), invalidLength],
  ['Redis', latin1('*1\r\n$4\r\nPING\r\n'), invalidLength],
  ['PROXY v1', latin1('PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n'), invalidLength],
  ['PROXY v2', latin1('\r\n\r\n\0\r\nQUIT\n'), invalidLength],
  ['SMB', latin1('\0\0\0\x85\xffSMBr\0\0\0\0'), 'incomplete'],
  ['RDP', latin1('\x03\0\0\x2f\x2a\xe0\0\0\0\0\0'), invalidLength],
  ['nothing', new Uint8Array(0), 'incomplete'],
];

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
  it.each(corpus)('%s', (_name, bytes, expected) => {
    expect(classOf(parseStartupRequest(bytes))).toBe(expected);
  });

  it.each(corpus)('%s, byte by byte', (_name, bytes, expected) => {
    expect(classByteByByte(bytes)).toBe(expected);
  });

  it.each(corpus)('%s, before 1 MB of noise', (_name, bytes, expected) => {
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
