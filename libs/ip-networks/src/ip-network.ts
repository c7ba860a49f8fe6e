// Networks of IP addresses: lists of them that somebody wrote, and the one that stands for where a client comes from.

import { type IpAddress, parseIpAddress } from './ip-address.js';

/** All addresses that share these first bits. */
export interface IpNetwork {
  readonly bits: IpAddress['bits'];
  readonly prefix: bigint;
  readonly prefixLength: number;
}

/** `10.0.0.0/8`, `fd00::/8`, or one address. Bits behind the prefix count for nothing. `undefined` for anything else. */
export function parseIpNetwork(text: string): IpNetwork | undefined {
  const [addressText = '', lengthText, ...more] = text.split('/');
  const address = parseIpAddress(addressText);
  if (address === undefined || addressText.includes('%') || more.length > 0) return undefined;
  // Of an IPv4 address inside IPv6 the length would count from the wrong end.
  if (lengthText !== undefined && addressText.includes(':') && address.bits === 32) return undefined;
  if (lengthText !== undefined && !/^(?:0|[1-9][0-9]{0,2})$/.test(lengthText)) return undefined;
  const prefixLength = lengthText === undefined ? address.bits : Number(lengthText);
  return prefixLength > address.bits ? undefined : networkOf(address, prefixLength);
}

export function isInNetwork(address: IpAddress, network: IpNetwork): boolean {
  return address.bits === network.bits && prefixOf(address, network.prefixLength) === network.prefix;
}

/**
 * Whether a list of networks lets an address in: a list without entries lets everybody in, an entry that is no network
 * nobody, and an address that is none is let in by nothing but a list without entries.
 */
export function isAllowedBy(networks: readonly string[], address: string): boolean {
  if (networks.length === 0) return true;
  const parsed = parseIpAddress(address);
  if (parsed === undefined) return false;
  return networks.some((text) => {
    const network = parseIpNetwork(text);
    return network !== undefined && isInNetwork(parsed, network);
  });
}

const ipv4SubnetLength = 24;
const ipv6SubnetLength = 64;

/**
 * A name for the network that a client comes from, for counting: its /24 in IPv4, its /64 in IPv6, which is what one
 * customer gets, so that nobody is counted anew at each of his addresses. What is no address is one source of its own.
 */
export function sourceOf(address: string): string {
  const parsed = parseIpAddress(address);
  if (parsed === undefined) return 'unknown';
  const { bits, prefix, prefixLength } = networkOf(parsed, parsed.bits === 32 ? ipv4SubnetLength : ipv6SubnetLength);
  return `ipv${bits === 32 ? 4 : 6}:${prefix.toString(16)}/${prefixLength}`;
}

function networkOf(address: IpAddress, prefixLength: number): IpNetwork {
  return { bits: address.bits, prefix: prefixOf(address, prefixLength), prefixLength };
}

function prefixOf({ bits, value }: IpAddress, prefixLength: number): bigint {
  return value >> BigInt(bits - prefixLength);
}
