// The header of the PROXY protocol, beside a model that reads it field by field. Whoever sends it says who the client is, and
// with that whose limits count and which networks let it in.

import { isIPv4, isIPv6 } from 'node:net';
import { type ProxyHeader, parseProxyHeader } from '@pgwake/proxy-kit';
import { type FuzzTarget, demand, hashOf, latin1 } from '../target.ts';

const signature = '\r\n\r\n\0\r\nQUIT\n';
const fixedBytes = 16;
const maxFurtherBytes = 4096;
const [local, proxy] = [0x20, 0x21];
/** The bytes that two addresses and two ports take, by family and transport. */
const blockBytes: Readonly<Record<number, number>> = { 0x11: 12, 0x21: 36 };

/** What an honest reading of the specification, and of what we take of it, gives. */
function expectedKind(input: Buffer): ProxyHeader['kind'] {
  if (!signature.startsWith(input.toString('latin1', 0, signature.length))) return 'violation';
  if (input.length < fixedBytes) return 'incomplete';
  const command = input.readUInt8(12);
  const furtherBytes = input.readUInt16BE(14);
  if ((command !== local && command !== proxy) || furtherBytes > maxFurtherBytes) return 'violation';
  const least = command === local ? 0 : (blockBytes[input.readUInt8(13)] ?? Infinity);
  if (furtherBytes < least) return 'violation';
  if (input.length < fixedBytes + furtherBytes) return 'incomplete';
  return command === local ? 'local' : 'proxied';
}

/** Written by another hand than ours: that of URLs. */
function hostOf(ipv6: string): string {
  return new URL(`http://[${ipv6}]`).hostname;
}

function demandClient(client: string, input: Buffer): void {
  if (input.readUInt8(13) === 0x11) {
    demand(isIPv4(client) && client === [...input.subarray(16, 20)].join('.'), `the client is ${client}`);
    return;
  }
  const groups = Array.from({ length: 8 }, (_, at) => input.readUInt16BE(fixedBytes + at * 2).toString(16));
  demand(isIPv6(client) && hostOf(client) === hostOf(groups.join(':')), `the client is ${client}`);
}

function run(bytes: Uint8Array): string {
  const input = Buffer.from(bytes);
  const header = parseProxyHeader(input);
  const expected = expectedKind(input);
  demand(header.kind === expected, `${header.kind}, and the model says ${expected}`);

  const cut = hashOf(input) % (input.length + 1);
  const early = parseProxyHeader(input.subarray(0, cut)).kind;
  demand(early === 'incomplete' || early === expected, `${early} after ${cut} bytes, ${expected} after all`);
  switch (header.kind) {
    case 'incomplete':
      return 'incomplete';
    case 'violation':
      return `violation: ${header.what}`;
    case 'local':
      demand(header.length === fixedBytes + input.readUInt16BE(14), `it takes ${header.length} bytes`);
      return 'local';
    case 'proxied':
      demand(header.length === fixedBytes + input.readUInt16BE(14), `it takes ${header.length} bytes`);
      demandClient(header.client, input);
      return isIPv4(header.client) ? 'proxied over IPv4' : 'proxied over IPv6';
  }
}

/** With the signature, and a length that is there. */
function withTrueLength(input: Uint8Array): Uint8Array {
  if (input.length < fixedBytes) return input;
  const repaired = Buffer.from(input);
  repaired.write(signature, 'latin1');
  repaired.writeUInt16BE(Math.min(repaired.length - fixedBytes, 0xffff), 14);
  return repaired;
}

const header = (command: number, family: number, further: readonly number[]): Buffer =>
  Buffer.concat([
    latin1(signature),
    Buffer.from([command, family, further.length >> 8, further.length & 255, ...further]),
  ]);
const overTcp4 = [203, 0, 113, 7, 10, 0, 0, 1, 0xd4, 0x31, 0x11, 0x50];
const overTcp6 = [0x20, 0x01, 0x0d, 0xb8, ...Array<number>(27).fill(0), 1, 0xd4, 0x31, 0x11, 0x50];
const mapped4 = [...Array<number>(10).fill(0), 0xff, 0xff, ...overTcp6.slice(0, 20), 0, 0, 0, 1];

export const proxyHeaderTarget: FuzzTarget = {
  name: 'proxy-header',
  project: 'proxy-kit',
  share: 10,
  seeds: [
    header(proxy, 0x11, overTcp4),
    header(proxy, 0x21, overTcp6),
    header(proxy, 0x21, mapped4),
    header(proxy, 0x11, [...overTcp4, 0xea, 0, 3, 1, 2, 3]),
    header(local, 0, []),
    header(local, 0x11, overTcp4),
    header(proxy, 0x12, overTcp4),
    header(0x31, 0x11, overTcp4),
    Buffer.concat([header(proxy, 0x11, overTcp4), latin1('\0\0\0\x08\x04\xd2\x16\x2f')]),
    latin1('PROXY TCP4 203.0.113.7 10.0.0.1 54321 4432\r\n'),
  ],
  words: [
    latin1(signature),
    Buffer.from([proxy, 0x11]),
    Buffer.from([proxy, 0x21]),
    Buffer.from([local, 0]),
    Buffer.alloc(16),
  ],
  repair: withTrueLength,
  run,
  mustReach: [
    'incomplete',
    'local',
    'proxied over IPv4',
    'proxied over IPv6',
    'violation: no PROXY header',
    'violation: unknown version or command of the PROXY header',
    'violation: the PROXY header is too long',
    'violation: the PROXY header names no client over TCP',
    'violation: the PROXY header is too short for its addresses',
  ],
};
