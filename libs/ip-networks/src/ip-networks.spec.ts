import { BlockList, isIP } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isAllowedBy, isInNetwork, parseIpAddress, parseIpNetwork, sourceOf } from './index.js';

const bytesToText = (bytes: Uint8Array): string => bytes.join('.');
const ipv4 = fc.uint8Array({ minLength: 4, maxLength: 4 }).map(bytesToText);
const ipv6 = fc.ipV6();

describe('an address', () => {
  it('is what Node takes for one, and nothing else', () => {
    const almost = fc.stringMatching(/^[0-9a-f:.%x]{0,24}$/);
    fc.assert(
      fc.property(fc.oneof(ipv4, ipv6, almost), (text) => {
        expect([text, parseIpAddress(text) !== undefined]).toEqual([text, isIP(text) !== 0]);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '1.2.3.256',
    '0x7f.0.0.1',
    '127.1',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7::8:9',
    'fe80::1%',
    '::1%a%b',
    '12345::',
  ])('%j is none', (text) => {
    expect(parseIpAddress(text)).toBeUndefined();
  });

  it('of IPv4 inside IPv6 is the one of IPv4', () => {
    for (const text of ['::ffff:10.1.2.3', '::ffff:a01:203', '0:0:0:0:0:FFFF:10.1.2.3']) {
      expect(parseIpAddress(text)).toEqual(parseIpAddress('10.1.2.3'));
    }
  });

  it('with a zone is the one without', () => {
    expect(parseIpAddress('fe80::1%eth0')).toEqual(parseIpAddress('fe80::1'));
  });
});

describe('a network', () => {
  it('holds the addresses that Node finds in it', () => {
    const cases = fc.oneof(
      fc.tuple(ipv4, ipv4, fc.integer({ min: 0, max: 32 })),
      fc.tuple(ipv6, ipv6, fc.integer({ min: 0, max: 128 })),
    );
    fc.assert(
      fc.property(cases, ([base, address, length]) => {
        const network = parseIpNetwork(`${base}/${length}`);
        const parsed = parseIpAddress(address);
        // IPv4 inside IPv6: a length would count from the wrong end.
        if (network === undefined || parsed === undefined) return base.includes(':');
        const list = new BlockList();
        list.addSubnet(base, length, base.includes(':') ? 'ipv6' : 'ipv4');
        expect(isInNetwork(parsed, network)).toBe(list.check(address, address.includes(':') ? 'ipv6' : 'ipv4'));
        return true;
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/08',
    '10.0.0/8',
    'fd00::/129',
    '1.2.3.4/8/8',
    'fe80::1%lo/64',
    '::ffff:1.2.3.4/104',
    'a.test/8',
    '*',
  ])('%j is none', (text) => {
    expect(parseIpNetwork(text)).toBeUndefined();
  });
});

describe('a list of networks', () => {
  it('without entries lets everybody in', () => {
    expect(isAllowedBy([], '203.0.113.1')).toBe(true);
    expect(isAllowedBy([], 'nobody knows')).toBe(true);
  });

  it('lets in who is in one of them', () => {
    const networks = ['10.0.0.0/8', '2001:db8::/32', '192.0.2.7'];
    for (const address of ['10.255.0.1', '::ffff:10.0.0.1', '2001:db8:1::1', '192.0.2.7']) {
      expect([address, isAllowedBy(networks, address)]).toEqual([address, true]);
    }
    for (const address of ['11.0.0.1', '2001:db9::1', '192.0.2.8', '', 'nobody knows']) {
      expect([address, isAllowedBy(networks, address)]).toEqual([address, false]);
    }
  });

  it('with nothing but entries that are no networks lets nobody in', () => {
    expect(isAllowedBy(['everybody'], '10.0.0.1')).toBe(false);
  });

  it('of everything in one family does not hold the other', () => {
    expect(isAllowedBy(['0.0.0.0/0'], '::1')).toBe(false);
    expect(isAllowedBy(['::/0'], '10.0.0.1')).toBe(false);
  });
});

describe('the source of a client', () => {
  it('is the same for all addresses that one customer has', () => {
    expect(sourceOf('192.0.2.1')).toBe(sourceOf('192.0.2.254'));
    expect(sourceOf('::ffff:192.0.2.1')).toBe(sourceOf('192.0.2.1'));
    expect(sourceOf('2001:db8::1')).toBe(sourceOf('2001:db8::ffff:ffff:ffff:ffff'));
  });

  it('is another one next door', () => {
    expect(sourceOf('192.0.2.1')).not.toBe(sourceOf('192.0.3.1'));
    expect(sourceOf('2001:db8::1')).not.toBe(sourceOf('2001:db8:0:1::1'));
    expect(sourceOf('0.0.0.1')).not.toBe(sourceOf('::1'));
  });

  it('is one for all that have no address', () => {
    expect(sourceOf('')).toBe(sourceOf('@'));
  });
});
