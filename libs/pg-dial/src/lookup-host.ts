// Host names to addresses without getaddrinfo on the usual path: that runs in libuv's thread pool, two at a time, so one dead
// name server would hold up the dials of every other endpoint, and file access with them.

import { Resolver, lookup } from 'node:dns/promises';
import type { LookupAddress } from 'node:dns';
import type { LookupFunction } from 'node:net';

const resolver = new Resolver({ timeout: 1_000, tries: 2 });

/**
 * For `net.connect`. Asks the name servers for A records, then for AAAA. Only a name they say does not exist is looked up as
 * the system does it, with /etc/hosts and search domains: name servers that answer "no" make that quick.
 */
export const lookupHost: LookupFunction = (hostname, options, callback) => {
  resolveHost(hostname).then(
    (addresses) => {
      const [first] = addresses;
      if (options.all === true) callback(null, addresses);
      else callback(null, first?.address ?? '', first?.family ?? 0);
    },
    (error: NodeJS.ErrnoException) => callback(error, ''),
  );
};

async function resolveHost(hostname: string): Promise<LookupAddress[]> {
  for (const family of [4, 6] as const) {
    try {
      const addresses = await (family === 4 ? resolver.resolve4(hostname) : resolver.resolve6(hostname));
      return addresses.map((address) => ({ address, family }));
    } catch (error) {
      if (!saysThereIsNone(error)) throw error;
    }
  }
  return lookup(hostname, { all: true });
}

function saysThereIsNone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOTFOUND' || code === 'ENODATA';
}
