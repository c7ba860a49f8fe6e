// Which addresses may be dialled. A compute's address comes from outside (wake-service, DNS): without limits, whoever can
// change a name there sends the gateway to the metadata service of the cloud, or to the machines next to it.

import { type IpNetwork, isInNetwork, parseIpAddress, parseIpNetwork } from '@pgwake/ip-networks';

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

/** For an IP address; IPv4 inside IPv6 (`::ffff:a.b.c.d`) is IPv4, and what is no address may not be dialled. */
export type MayDial = (ip: string) => boolean;

/**
 * With networks (`10.0.0.0/8`, `fd00::/8`, or one address) only what lies in them; without any everything that may be a
 * compute, loopback included. Throws RangeError for what is no network.
 */
export function createMayDial(networks: readonly string[]): MayDial {
  const listed = (networks.length > 0 ? networks : neverComputes).map(toNetwork);
  return (ip) => {
    const address = parseIpAddress(ip);
    if (address === undefined) return false;
    return listed.some((network) => isInNetwork(address, network)) === networks.length > 0;
  };
}

function toNetwork(text: string): IpNetwork {
  const network = parseIpNetwork(text);
  if (network === undefined) throw new RangeError(`"${text}" is not a network such as 10.0.0.0/8`);
  return network;
}
