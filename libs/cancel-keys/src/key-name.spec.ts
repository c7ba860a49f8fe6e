import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { keyOf, nameOf } from './key-name.js';

const keys = fc.record({
  pid: fc.integer({ min: -(2 ** 31), max: 2 ** 32 - 1 }),
  secret: fc.uint8Array({ minLength: 4, maxLength: 256 }),
});

describe('the name of a key', () => {
  it('is that of this key only, and gives it back', () => {
    fc.assert(
      fc.property(keys, keys, (one, other) => {
        const { pid, secret } = keyOf(nameOf(one));
        expect({ pid, secret: Uint8Array.from(secret) }).toEqual(one);
        const isSame = one.pid === other.pid && Buffer.compare(one.secret, other.secret) === 0;
        expect(nameOf(one) === nameOf(other)).toBe(isSame);
      }),
    );
  });
});
