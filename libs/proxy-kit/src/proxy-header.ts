// The header of the PROXY protocol, version 2, with which a load balancer says whose bytes follow
// (https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt, section 2.2). Only what says enough is taken: a client that
// came over TCP, or none at all (LOCAL). Version 1, the one in text, is not read.

import { SocketAddress } from 'node:net';

export type ProxyHeader =
  | { readonly kind: 'incomplete' }
  /** `client`: its IP address. `length`: where the client's own bytes begin. */
  | { readonly kind: 'proxied'; readonly client: string; readonly length: number }
  /** The load balancer speaks for itself, to see whether anybody is there. */
  | { readonly kind: 'local'; readonly length: number }
  | { readonly kind: 'violation'; readonly what: string };

const signature = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a);
const fixedBytes = 16;
/** Addresses have 36 at most; the rest is what load balancers add of their own, which is skipped. */
const maxFurtherBytes = 4096;

const command = { local: 0x20, proxy: 0x21 } as const;
const overTcp4 = { family: 0x11, addressBytes: 4, blockBytes: 12 } as const;
const overTcp6 = { family: 0x21, addressBytes: 16, blockBytes: 36 } as const;

/** Says at the first byte that settles it what is wrong. */
export function parseProxyHeader(bytes: Uint8Array): ProxyHeader {
  if (signature.some((byte, at) => at < bytes.length && bytes[at] !== byte)) return violation('no PROXY header');
  if (bytes.length < fixedBytes) return { kind: 'incomplete' };
  const [versionAndCommand, family, high = 0, low = 0] = bytes.subarray(signature.length, fixedBytes);
  const furtherBytes = high * 256 + low;
  if (versionAndCommand !== command.local && versionAndCommand !== command.proxy) {
    return violation('unknown version or command of the PROXY header');
  }
  if (furtherBytes > maxFurtherBytes) return violation('the PROXY header is too long');
  const length = fixedBytes + furtherBytes;
  if (versionAndCommand === command.local)
    return bytes.length < length ? { kind: 'incomplete' } : { kind: 'local', length };

  const shape = [overTcp4, overTcp6].find((each) => each.family === family);
  // Without the client's address it would be served as if it were the load balancer.
  if (shape === undefined) return violation('the PROXY header names no client over TCP');
  if (furtherBytes < shape.blockBytes) return violation('the PROXY header is too short for its addresses');
  if (bytes.length < length) return { kind: 'incomplete' };
  const address = bytes.subarray(fixedBytes, fixedBytes + shape.addressBytes);
  return { kind: 'proxied', client: shape === overTcp4 ? address.join('.') : writeIpv6(address), length };
}

function writeIpv6(address: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, at) =>
    ((address[at * 2] ?? 0) * 256 + (address[at * 2 + 1] ?? 0)).toString(16),
  );
  // In the one form in which everybody compares addresses: `::1` is the loopback interface, `0:0:0:0:0:0:0:1` is not.
  return new SocketAddress({ address: groups.join(':'), family: 'ipv6' }).address;
}

function violation(what: string): ProxyHeader {
  return { kind: 'violation', what };
}
