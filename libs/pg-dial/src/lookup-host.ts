// Host names to addresses without getaddrinfo on the usual path: that runs in libuv's thread pool, two at a time, so one dead
// name server would hold up the dials of every other endpoint, and file access with them. Nothing is remembered: a name that
// does not exist yet is asked for again by the next dial.

import type { LookupAddress } from 'node:dns';
import { Resolver, lookup } from 'node:dns/promises';

export type LookupHost = (hostname: string) => Promise<readonly LookupAddress[]>;

/**
 * Asks the name servers for A records, then for AAAA; who asks for a name that is being asked for shares the answer. Without
 * servers of its own it asks the system's, and a name they say does not exist is looked up as the system does it, with
 * /etc/hosts and search domains: name servers that answer "no" make that quick. Rejects with what Node reports.
 *
 * @param nameServers `address` or `address:port`, `[address]:port` for IPv6. Throws RangeError for anything else.
 */
export function createLookupHost(nameServers: readonly string[]): LookupHost {
  const resolver = createResolver(nameServers);
  const underWay = new Map<string, Promise<LookupAddress[]>>();

  async function resolve(hostname: string): Promise<LookupAddress[]> {
    for (const family of [4, 6] as const) {
      try {
        const addresses = await (family === 4 ? resolver.resolve4(hostname) : resolver.resolve6(hostname));
        return addresses.map((address) => ({ address, family }));
      } catch (error) {
        if (!saysThereIsNone(error)) throw error;
        if (family === 6 && nameServers.length > 0) throw error;
      }
    }
    return lookup(hostname, { all: true });
  }

  return (hostname) => {
    const known = underWay.get(hostname);
    if (known !== undefined) return known;
    const answer = resolve(hostname).finally(() => underWay.delete(hostname));
    underWay.set(hostname, answer);
    return answer;
  };
}

function createResolver(nameServers: readonly string[]): Resolver {
  // c-ares takes this as a guide: it waits 2 s for a server it knows nothing of, and less for one that is quick as a rule.
  const resolver = new Resolver({ timeout: 1_000, tries: 2 });
  try {
    if (nameServers.length > 0) resolver.setServers(nameServers);
  } catch {
    throw new RangeError(`"${nameServers.join(', ')}" are not addresses of name servers`);
  }
  return resolver;
}

function saysThereIsNone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOTFOUND' || code === 'ENODATA';
}
