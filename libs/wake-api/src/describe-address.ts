import type { NodeAddress } from './wake-api.js';

/** For logs only: a client never reads an address. */
export function describeAddress(address: NodeAddress): string {
  if (address.kind === 'unix') return `${address.socketDirectory}/.s.PGSQL.${address.port}`;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
