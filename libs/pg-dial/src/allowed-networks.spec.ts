import { describe, expect, it } from '@jest/globals';
import { createMayDial } from './allowed-networks.js';

describe('without a list', () => {
  it.each([
    ['127.0.0.1'],
    ['::1'],
    ['10.0.0.1'],
    ['::ffff:10.0.0.1'],
    ['169.253.255.255'],
    ['169.255.0.0'],
    ['223.255.255.255'],
    ['1.0.0.0'],
    ['fec0::1'],
    ['fd00::1'],
    ['2001:db8::1'],
  ])('%s may be dialled', (ip) => {
    expect(createMayDial([])(ip)).toBe(true);
  });

  it.each([
    ['169.254.169.254'],
    ['169.254.0.0'],
    ['169.254.255.255'],
    ['::ffff:169.254.169.254'],
    ['::ffff:a9fe:a9fe'],
    ['fe80::1'],
    ['fe80::1%lo'],
    ['febf:ffff::1'],
    ['224.0.0.1'],
    ['239.255.255.255'],
    ['ff02::1'],
    ['255.255.255.255'],
    ['0.0.0.0'],
    ['0.1.2.3'],
    ['::'],
    ['::ffff:0.0.0.0'],
  ])('%s may not', (ip) => {
    expect(createMayDial([])(ip)).toBe(false);
  });
});

describe('with a list', () => {
  const mayDial = createMayDial(['10.1.0.0/16', 'fd00::/8', '169.254.1.1']);

  it.each([['10.1.0.0'], ['10.1.255.255'], ['::ffff:10.1.2.3'], ['fd12::1'], ['169.254.1.1']])(
    '%s may be dialled, because it is listed',
    (ip) => {
      expect(mayDial(ip)).toBe(true);
    },
  );

  it.each([['10.0.255.255'], ['10.2.0.0'], ['127.0.0.1'], ['::1'], ['fe00::1'], ['169.254.1.2']])(
    '%s may not',
    (ip) => {
      expect(mayDial(ip)).toBe(false);
    },
  );

  it('of everything in one family the other family stays out', () => {
    expect(createMayDial(['0.0.0.0/0'])('::1')).toBe(false);
    expect(createMayDial(['0.0.0.0/0'])('169.254.169.254')).toBe(true);
  });

  it.each([
    ['10.0.0.0/33'],
    ['10.0.0.0/'],
    ['10.0.0.0/-1'],
    ['10.0.0/8'],
    ['fd00::/129'],
    ['a.test/8'],
    ['1.2.3.4/8/8'],
  ])('%s is refused', (network) => {
    expect(() => createMayDial([network])).toThrow(RangeError);
  });
});
