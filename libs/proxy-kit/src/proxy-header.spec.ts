import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type ProxyHeader, parseProxyHeader } from './proxy-header.js';

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const addresses4 = [203, 0, 113, 7, 10, 0, 0, 1, 0xd4, 0x31, 0x11, 0x50];
const ports = [0xd4, 0x31, 0x11, 0x50];
const documentation6 = [0x20, 0x01, 0x0d, 0xb8, ...Array<number>(11).fill(0), 7];
const loopback6 = [...Array<number>(15).fill(0), 1];
const mapped4 = [...Array<number>(10).fill(0), 0xff, 0xff, 192, 0, 2, 1];

function header(command: number, family: number, further: readonly number[], announced = further.length): Buffer {
  return Buffer.concat([signature, Buffer.from([command, family, announced >> 8, announced & 0xff, ...further])]);
}
const overTcp6 = (source: readonly number[]) => header(0x21, 0x21, [...source, ...loopback6, ...ports]);

const proxied = (client: string, length: number): ProxyHeader => ({ kind: 'proxied', client, length });
const refused = (what: string): ProxyHeader => ({ kind: 'violation', what });
const none = refused('no PROXY header');
const unknown = refused('unknown version or command of the PROXY header');
const noClient = refused('the PROXY header names no client over TCP');
const tooShort = refused('the PROXY header is too short for its addresses');
const tooLong = refused('the PROXY header is too long');
const incomplete: ProxyHeader = { kind: 'incomplete' };

const corpus: readonly (readonly [name: string, bytes: Uint8Array, expected: ProxyHeader])[] = [
  ['a client over IPv4', header(0x21, 0x11, addresses4), proxied('203.0.113.7', 28)],
  ['a client over IPv6', overTcp6(documentation6), proxied('2001:db8::7', 52)],
  ['a client on the loopback interface of IPv6', overTcp6(loopback6), proxied('::1', 52)],
  ['a client over IPv4 in IPv6', overTcp6(mapped4), proxied('::ffff:192.0.2.1', 52)],
  ['more than the addresses', header(0x21, 0x11, [...addresses4, 0xea, 0, 3, 1, 2, 3]), proxied('203.0.113.7', 34)],
  [
    'as much more as is allowed',
    header(0x21, 0x11, [...addresses4, ...Array<number>(4084).fill(4)]),
    proxied('203.0.113.7', 16 + 4096),
  ],
  ['a byte more than that, announced', header(0x21, 0x11, [], 4097), tooLong],
  ['65,535 bytes, announced', header(0x20, 0, [], 65_535), tooLong],
  ['the load balancer itself', header(0x20, 0, []), { kind: 'local', length: 16 }],
  ['the load balancer itself, with addresses', header(0x20, 0x11, addresses4), { kind: 'local', length: 28 }],
  ['the load balancer itself, cut off', header(0x20, 0x11, [1, 2, 3], 12), incomplete],
  ['version 1', Buffer.from('PROXY TCP4 203.0.113.7 10.0.0.1 54321 4432\r\n'), none],
  ['version 3', header(0x31, 0x11, addresses4), unknown],
  ['an unknown command', header(0x22, 0x11, addresses4), unknown],
  ['a client of no kind', header(0x21, 0, []), noClient],
  ['a client over UDP', header(0x21, 0x12, addresses4), noClient],
  ['a client over a unix socket', header(0x21, 0x31, Array<number>(216).fill(0)), noClient],
  ['a family that there is not', header(0x21, 0x41, addresses4), noClient],
  ['IPv4 with 11 bytes', header(0x21, 0x11, addresses4.slice(1)), tooShort],
  ['IPv6 with the bytes of IPv4', header(0x21, 0x21, addresses4), tooShort],
  ['IPv4, cut off', header(0x21, 0x11, addresses4.slice(1), 12), incomplete],
  ['nothing', new Uint8Array(0), incomplete],
  ['a startup packet', Buffer.from('\0\0\0\x11\0\x03\0\0user\0app\0\0', 'latin1'), none],
  ['a TLS hello', Buffer.from([0x16, 3, 1]), none],
  ['a signature with a wrong end', Buffer.from('\r\n\r\n\0\r\nQUIT\r', 'latin1'), none],
];

describe('parseProxyHeader', () => {
  it.each(corpus)('%s', (_name, bytes, expected) => {
    expect(parseProxyHeader(bytes)).toEqual(expected);
  });

  it.each(corpus)('%s, byte by byte and before the bytes of the client', (_name, bytes, expected) => {
    for (let end = 0; end < bytes.length; end += 1) {
      const early = parseProxyHeader(bytes.subarray(0, end));
      if (early.kind !== 'incomplete') return expect(early).toEqual(expected);
    }
    if (expected.kind !== 'incomplete') {
      expect(parseProxyHeader(Buffer.concat([bytes, Buffer.alloc(1_000, 'A')]))).toEqual(expected);
    }
  });

  it('throws for no bytes whatever, and takes no more than there are', () => {
    const noise = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(
        fc.oneof(
          noise,
          noise.map((bytes) => Buffer.concat([signature, bytes])),
        ),
        (bytes) => {
          const parsed = parseProxyHeader(bytes);
          if ('length' in parsed) expect(parsed.length).toBeLessThanOrEqual(bytes.length);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
