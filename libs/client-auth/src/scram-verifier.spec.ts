import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkPassword, deriveVerifier, formatVerifier, makeMockVerifier, parseVerifier } from './index.js';

const key = (fill: number): string => Buffer.alloc(32, fill).toString('base64');
const good = `SCRAM-SHA-256$4096:QUJDREVGR0hJSktMTU5PUA==$${key(1)}:${key(2)}`;

describe('parseVerifier', () => {
  it('reads what Postgres stores, and formatVerifier writes it again', () => {
    const verifier = parseVerifier(good);
    expect(verifier).toEqual({
      iterations: 4096,
      salt: Buffer.from('ABCDEFGHIJKLMNOP'),
      storedKey: Buffer.alloc(32, 1),
      serverKey: Buffer.alloc(32, 2),
    });
    expect(verifier && formatVerifier(verifier)).toBe(good);
  });

  it('gives back every verifier that formatVerifier can write', () => {
    const keyBytes = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes));
    const verifiers = fc.record({
      iterations: fc.integer({ min: 1, max: 0x7fff_ffff }),
      salt: fc.uint8Array({ minLength: 1, maxLength: 256 }).map((bytes) => Buffer.from(bytes)),
      storedKey: keyBytes,
      serverKey: keyBytes,
    });
    fc.assert(fc.property(verifiers, (verifier) => expect(parseVerifier(formatVerifier(verifier))).toEqual(verifier)));
  });

  it.each([
    '',
    'pencil',
    'md5e8a48653851e28c69d0506508fb27fc5',
    good.toLowerCase(),
    ` ${good}`,
    `${good}\n`,
    `${good}$`,
    `${good}:`,
    good.replace('SHA-256', 'SHA-1'),
    good.replace('4096', '0'),
    good.replace('4096', '-1'),
    good.replace('4096', '04096'),
    good.replace('4096', '4096.5'),
    good.replace('4096', '2147483648'),
    good.replace('4096', '99999999999'),
    good.replace('4096:', '4096:4096:'),
    good.replace('QUJDREVGR0hJSktMTU5PUA==', ''),
    good.replace('QUJDREVGR0hJSktMTU5PUA==', 'QUJDREVGR0hJSktMTU5PUA'),
    good.replace('QUJDREVGR0hJSktMTU5PUA==', 'QUJD!EVGR0hJSktMTU5PUA=='),
    good.replace('QUJDREVGR0hJSktMTU5PUA==', Buffer.alloc(257).toString('base64')),
    good.replace(key(1), Buffer.alloc(31).toString('base64')),
    good.replace(key(2), Buffer.alloc(33).toString('base64')),
    good.replace(`:${key(2)}`, ''),
  ])('refuses %j', (text) => {
    expect(parseVerifier(text)).toBeUndefined();
  });

  it('throws for no text whatever', () => {
    fc.assert(fc.property(fc.string(), (text) => expect(parseVerifier(text)).toBeUndefined()));
  });
});

describe('deriveVerifier', () => {
  it('hashes with 4,096 iterations and a fresh salt of 16 bytes unless told otherwise', async () => {
    const [first, second] = await Promise.all([deriveVerifier('pencil'), deriveVerifier('pencil')]);
    expect(parseVerifier(first ?? '')).toMatchObject({ iterations: 4096 });
    expect(parseVerifier(first ?? '')?.salt).toHaveLength(16);
    expect(first).not.toBe(second);
  });

  it.each([
    { iterations: 0 },
    { iterations: 1.5 },
    { iterations: 600_001 },
    { salt: new Uint8Array(0) },
    { salt: new Uint8Array(257) },
  ])('refuses %j', async (options) => {
    await expect(deriveVerifier('pencil', options)).rejects.toThrow(RangeError);
  });
});

describe('checkPassword', () => {
  it('gives the keys of a login for the right password only', async () => {
    const verifier = parseVerifier(await deriveVerifier('pencil', { iterations: 2 }));
    if (verifier === undefined) throw new Error('no verifier');
    const keys = await checkPassword('pencil', verifier);
    expect(keys?.clientKey).toHaveLength(32);
    expect(keys?.serverKey).toEqual(verifier.serverKey);
    for (const wrong of ['', 'Pencil', 'pencil ', 'pencil\0'])
      expect(await checkPassword(wrong, verifier)).toBeUndefined();
  });

  it('does not start on more iterations than it may spend', async () => {
    const verifier = parseVerifier(good.replace('4096', '2147483647'));
    if (verifier === undefined) throw new Error('no verifier');
    expect(await checkPassword('pencil', verifier)).toBeUndefined();
  });
});

describe('makeMockVerifier', () => {
  const secret = Buffer.from('a secret of this gateway');

  it('is the same for the same role of the same endpoint, and for no other', () => {
    const mock = makeMockVerifier(secret, 'demo', 'app');
    expect(makeMockVerifier(secret, 'demo', 'app')).toEqual(mock);
    for (const other of [
      makeMockVerifier(secret, 'demo', 'apq'),
      makeMockVerifier(secret, 'demoa', 'pp'),
      makeMockVerifier(Buffer.from('another secret'), 'demo', 'app'),
    ]) {
      expect(other.salt).not.toEqual(mock.salt);
      expect(other.storedKey).not.toEqual(mock.storedKey);
      expect(other.serverKey).not.toEqual(mock.serverKey);
    }
  });

  it('looks like a verifier of Postgres', async () => {
    const mock = makeMockVerifier(secret, 'demo', 'app');
    const real = parseVerifier(await deriveVerifier('pencil'));
    expect(mock.iterations).toBe(real?.iterations);
    expect(mock.salt).toHaveLength(real?.salt.length ?? 0);
    expect(parseVerifier(formatVerifier(mock))).toBeDefined();
  });
});
