import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { parseEndpointId, parseGeneration } from '@pgwake/ids';
import fc from 'fast-check';
import type { CancelTarget } from './cancel-target.js';
import { nameOf } from './key-name.js';
import { deriveName, openTarget, sealTarget } from './sealed-target.js';

const nodeKey = createSecretKey(randomBytes(32));
const key = { pid: 4242, secret: Buffer.from('01020304', 'hex') };
const target = {
  endpoint: parseEndpointId('demo'),
  generation: parseGeneration(3),
  address: { kind: 'tcp', host: '10.0.0.7', port: 5432 },
  identity: { kind: 'clusterName', value: 'pgwake/demo/3' },
  computeKey: nameOf({ pid: 4242, secret: Buffer.from('cafecafe', 'hex') }),
  allowedNetworks: ['192.0.2.0/24'],
} as CancelTarget;
const sealed = deriveName(key, nodeKey);
const validUntilMs = 1_000;

describe('a sealed target', () => {
  it.each([
    target,
    { ...target, address: { kind: 'unix', socketDirectory: '/run/pgwake', port: 5433 }, allowedNetworks: [] } as const,
    { ...target, identity: { kind: 'tlsSan', value: 'demo-3.computes' } } as const,
    { ...target, identity: { kind: 'unproven' } } as const,
    { ...target, computeKey: nameOf({ pid: 0xffff_ffff, secret: Buffer.alloc(256, 7) }) },
  ])('is opened to what it was', (each) => {
    expect(openTarget(sealTarget(each, validUntilMs, sealed), validUntilMs, sealed)).toEqual(each);
  });

  it('shows nothing of itself, and nothing twice', () => {
    const [one, other] = [sealTarget(target, validUntilMs, sealed), sealTarget(target, validUntilMs, sealed)];
    for (const text of ['demo', '10.0.0.7', 'cafecafe', '4242']) expect(one.toString('latin1')).not.toContain(text);
    expect(one.equals(other)).toBe(false);
    expect(sealed.name).not.toContain('01020304');
  });

  it('is not opened with another cancel key, another node key, or after its time', () => {
    const bytes = sealTarget(target, validUntilMs, sealed);
    const others = [
      deriveName({ ...key, pid: 4243 }, nodeKey),
      deriveName({ ...key, secret: Buffer.from('01020305', 'hex') }, nodeKey),
      deriveName(key, createSecretKey(randomBytes(32))),
    ];
    for (const other of others) {
      expect(openTarget(bytes, 0, other)).toBeUndefined();
      expect(other.name).not.toBe(sealed.name);
    }
    expect(openTarget(bytes, validUntilMs + 1, sealed)).toBeUndefined();
  });

  it('is not opened once a bit of it has changed, and nothing else is', () => {
    const bytes = sealTarget(target, validUntilMs, sealed);
    fc.assert(
      fc.property(fc.nat(bytes.length * 8 - 1), (bit) => {
        const changed = Buffer.from(bytes);
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(openTarget(changed, 0, sealed)).toBeUndefined();
        expect(openTarget(bytes.subarray(0, bit >> 3), 0, sealed)).toBeUndefined();
      }),
    );
    fc.assert(fc.property(fc.uint8Array(), (noise) => expect(openTarget(noise, 0, sealed)).toBeUndefined()));
  });
});
