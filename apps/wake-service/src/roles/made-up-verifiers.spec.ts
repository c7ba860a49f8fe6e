import { describe, expect, it } from '@jest/globals';
import { parseVerifier } from '@pgwake/client-auth';
import type { EndpointId, RoleName } from '@pgwake/ids';
import { MadeUpVerifiers } from './made-up-verifiers.js';

const demo = 'demo' as EndpointId;
const role = (number: number) => `role_${number}` as RoleName;

describe('MadeUpVerifiers', () => {
  it('looks like a real one, and is the same each time and at every instance', () => {
    const [one, other] = [new MadeUpVerifiers(new Uint8Array(32)), new MadeUpVerifiers(new Uint8Array(32))];
    const made = one.of(demo, role(1));
    expect(parseVerifier(made)).toBeDefined();
    expect(one.of(demo, role(1))).toBe(made);
    expect(other.of(demo, role(1))).toBe(made);
    expect(one.of(demo, role(2))).not.toBe(made);
    expect(one.of('other' as EndpointId, role(1))).not.toBe(made);
  });

  it('remembers so many, whoever asks for how many, and makes the same ones again', () => {
    const verifiers = new MadeUpVerifiers(new Uint8Array(32), 3);
    const made = [1, 2, 3, 4, 5].map((number) => verifiers.of(demo, role(number)));
    expect(verifiers.size).toBe(3);
    expect([1, 2, 3, 4, 5].map((number) => verifiers.of(demo, role(number)))).toEqual(made);
    expect(verifiers.size).toBe(3);
  });
});
