// IP addresses as numbers, so that they can be compared and cut into networks without asking the system.

/** IPv4 inside IPv6 (`::ffff:a.b.c.d`) is IPv4: a dual-stack socket names the same client either way. */
export interface IpAddress {
  readonly bits: 32 | 128;
  readonly value: bigint;
}

const decimalByte = /^(?:0|[1-9][0-9]{0,2})$/;
const hexGroup = /^[0-9A-Fa-f]{1,4}$/;
const longestIpv6 = 45;
const groupsOfIpv6 = 8;
const mappedIpv4 = 0xffffn;

/**
 * Dotted decimal without leading zeros, or IPv6 as RFC 4291 writes it (section 2.2); a zone (`%eth0`) says where an address
 * is reached, not which it is, and is left out. `undefined` for anything else.
 */
export function parseIpAddress(text: string): IpAddress | undefined {
  if (!text.includes(':')) return parseIpv4(text);
  const [address = '', zone, ...more] = text.split('%');
  if (address.length > longestIpv6 || zone === '' || more.length > 0) return undefined;
  return parseIpv6(address);
}

function parseIpv4(text: string): IpAddress | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => decimalByte.test(part) && Number(part) < 256)) return undefined;
  return { bits: 32, value: parts.reduce((value, part) => value * 256n + BigInt(part), 0n) };
}

function parseIpv6(text: string): IpAddress | undefined {
  const halves = text.split('::');
  const [before, after] = halves.map(parseGroups);
  if (halves.length > 2 || before === undefined) return undefined;
  const groups = halves.length === 1 ? before : after && fillUp(before, after);
  if (groups?.length !== groupsOfIpv6) return undefined;
  const value = groups.reduce((sum, group) => sum * 65_536n + BigInt(group), 0n);
  return value >> 32n === mappedIpv4 ? { bits: 32, value: value & 0xffff_ffffn } : { bits: 128, value };
}

/** `::` stands for one group at least. */
function fillUp(before: readonly number[], after: readonly number[]): readonly number[] | undefined {
  const missing = groupsOfIpv6 - before.length - after.length;
  return missing < 1 ? undefined : [...before, ...Array<number>(missing).fill(0), ...after];
}

/** The last two groups may be written as an IPv4 address. */
function parseGroups(text: string): readonly number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const last = parts.at(-1) ?? '';
  const ipv4 = last.includes('.') ? parseIpv4(last) : undefined;
  const hex = ipv4 === undefined ? parts : parts.slice(0, -1);
  if (!hex.every((part) => hexGroup.test(part))) return undefined;
  const tail = ipv4 === undefined ? [] : [Number(ipv4.value >> 16n), Number(ipv4.value & 0xffffn)];
  return [...hex.map((part) => Number.parseInt(part, 16)), ...tail];
}
