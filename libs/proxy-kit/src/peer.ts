import type { Peer } from '@pgwake/pg-session';

/** Of an IP address as sockets and PROXY headers give it. IPv4 inside IPv6 is IPv4. */
export function peerOf(ipAddress: string): Peer {
  const address = ipAddress.replace(/^::ffff:(?=\d+\.)/, '');
  return { address, loopback: address === '::1' || address.startsWith('127.') };
}
