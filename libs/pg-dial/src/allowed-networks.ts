// Which addresses may be dialled. A compute's address comes from outside (wake-service, DNS): without limits, whoever can
// change a name there sends the gateway to the metadata service of the cloud, or to the machines next to it.

import { BlockList, isIP } from 'node:net';

/** What no compute has: link-local (cloud metadata), multicast, broadcast, "this host". */
const neverComputes = [
  '169.254.0.0/16',
  'fe80::/10',
  '224.0.0.0/4',
  'ff00::/8',
  '255.255.255.255/32',
  '0.0.0.0/8',
  '::/128',
];

/** For an IP address, IPv4 inside IPv6 (`::ffff:a.b.c.d`) being IPv4. */
export type MayDial = (ip: string) => boolean;

/**
 * With networks (`10.0.0.0/8`, `fd00::/8`, or one address) only what lies in them; without any everything that may be a
 * compute, loopback included. Throws RangeError for what is no network.
 */
export function createMayDial(networks: readonly string[]): MayDial {
  if (networks.length > 0) {
    const allowed = toBlockList(networks);
    return (ip) => contains(allowed, ip);
  }
  const forbidden = toBlockList(neverComputes);
  return (ip) => !contains(forbidden, ip);
}

function toBlockList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', prefix, ...more] = network.split('/');
    const version = isIP(address);
    const bits = version === 4 ? 32 : 128;
    const length = prefix === undefined ? bits : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
    if (version === 0 || more.length > 0 || !(length <= bits)) {
      throw new RangeError(`"${network}" is not a network such as 10.0.0.0/8`);
    }
    list.addSubnet(address, length, familyOf(address));
  }
  return list;
}

function contains(list: BlockList, ip: string): boolean {
  return list.check(ip, familyOf(ip));
}

function familyOf(ip: string): 'ipv4' | 'ipv6' {
  return isIP(ip) === 4 ? 'ipv4' : 'ipv6';
}
