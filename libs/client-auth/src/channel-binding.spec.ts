import { describe, expect, it } from '@jest/globals';
import { X509Certificate, createHash, createHmac } from 'node:crypto';
import {
  type ScramChoice,
  checkPassword,
  createScramServer,
  deriveVerifier,
  hashForBinding,
  offerMechanisms,
  parseVerifier,
} from './index.js';

/** Self-signed, in base64: what signed it, and with which hash it is bound to. */
const certificates: readonly (readonly [signature: string, hash: string | undefined, base64: string])[] = [
  [
    'ECDSA with SHA-1',
    'sha256',
    'MIIBeTCCASCgAwIBAgIUbGOAFfroLiiwqWBpnnRCyV9CsgQwCQYHKoZIzj0EATASMRAwDgYDVQQDDAdlYy1zaGExMCAXDTI2MTEy' +
      'NTAzMTQ1N1oYDzIxMjYxMTAxMDMxNDU3WjASMRAwDgYDVQQDDAdlYy1zaGExMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE3cYs' +
      '6zN66g+7reMSmrchu0tMc/RztawPc82IYHhTz7VndOYzTQ0QmPIKv5B7xd7Yjdm9Vi8eKTqmDxAtJip05KNTMFEwHQYDVR0OBBYE' +
      'FNAxhT3JxW1IeeZTAABWNienW5G8MB8GA1UdIwQYMBaAFNAxhT3JxW1IeeZTAABWNienW5G8MA8GA1UdEwEB/wQFMAMBAf8wCQYH' +
      'KoZIzj0EAQNIADBFAiBKMWXdHuObj1XKAmUYPf2G23WpZP5slP8ei9NSJBqQEgIhAOeDocxYOe/X6j8CsCNtzqwQMz7oxMn4NbiN' +
      'K05zHrWK',
  ],
  [
    'ECDSA with SHA-256',
    'sha256',
    'MIIBfzCCASWgAwIBAgIUF7M/52gt/Jf1KzF4mUvQwWDMoF8wCgYIKoZIzj0EAwIwFDESMBAGA1UEAwwJZWMtc2hhMjU2MCAXDTI2' +
      'MTEyNTAzMTQ1N1oYDzIxMjYxMTAxMDMxNDU3WjAUMRIwEAYDVQQDDAllYy1zaGEyNTYwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC' +
      'AAReH/1BiPQltu6NBpTI/6eMFo2iZLBrngF0xOvcyfRRjQ6EniVNUHVaE485PpWRoWX3pIJEjrn6n1JmxMH8ZH5uo1MwUTAdBgNV' +
      'HQ4EFgQUe5jGJCTeJBo12Fb0xDPB3YQI3tIwHwYDVR0jBBgwFoAUe5jGJCTeJBo12Fb0xDPB3YQI3tIwDwYDVR0TAQH/BAUwAwEB' +
      '/zAKBggqhkjOPQQDAgNIADBFAiB0sWUDrerQv734ERzdbNA1YtE/KkpAF/Oaaqnp0825wgIhAOIPxFwzgln3YmQTHk4S7P6ZkEx7' +
      'T3mRQOPzlzpbJBbd',
  ],
  [
    'ECDSA with SHA-384',
    'sha384',
    'MIIBfzCCASWgAwIBAgIUGmJjr+NHsheL5Kl4nYk7UbWGzAowCgYIKoZIzj0EAwMwFDESMBAGA1UEAwwJZWMtc2hhMzg0MCAXDTI2' +
      'MTEyNTAzMTQ1N1oYDzIxMjYxMTAxMDMxNDU3WjAUMRIwEAYDVQQDDAllYy1zaGEzODQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC' +
      'AAR/jWiNf7Kj+t6+SorGhRV18jwcpX0HuNdtxHu4f6qB0cTDWXBLyC7eq3OIKG2mIZAPMMKdvEHA05CMTTOMmB+9o1MwUTAdBgNV' +
      'HQ4EFgQUikQqca5fNGoeOSdq8Fm9RxY7bKUwHwYDVR0jBBgwFoAUikQqca5fNGoeOSdq8Fm9RxY7bKUwDwYDVR0TAQH/BAUwAwEB' +
      '/zAKBggqhkjOPQQDAwNIADBFAiEAunifA8y8N+CUZdgaIUjO0qtnmsDxVV2yVJs0zRuxb1QCIDCVt3gCVKvnfItNib8RGukY0ayl' +
      'QN14BnlEcaxu2VIW',
  ],
  [
    'ECDSA with SHA-512',
    'sha512',
    'MIIBfzCCASWgAwIBAgIUMA3oxqS5oqrYtZGNrgwlumIRFrUwCgYIKoZIzj0EAwQwFDESMBAGA1UEAwwJZWMtc2hhNTEyMCAXDTI2' +
      'MTEyNTAzMTQ1N1oYDzIxMjYxMTAxMDMxNDU3WjAUMRIwEAYDVQQDDAllYy1zaGE1MTIwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC' +
      'AAT0dj+YES+DxPsOhWoQyAqah9Baloa6jletJ/fKZJJKZU2Jz8ZfjR/yEiMj1kQHhEmV/yZMZfWdS5KF7cW+GxbZo1MwUTAdBgNV' +
      'HQ4EFgQUguQ4DD0Weryn5w+ZjLvCBiycYbQwHwYDVR0jBBgwFoAUguQ4DD0Weryn5w+ZjLvCBiycYbQwDwYDVR0TAQH/BAUwAwEB' +
      '/zAKBggqhkjOPQQDBANIADBFAiEA2DC0oWRzVjxxgztacuB85Byqu7kqaLNUEZduLzvZxFICIAow8rck6ldpQVYsErK/0Pa6CKyP' +
      'do4NZ/apP8DJNs1Y',
  ],
  [
    'RSA with SHA-512',
    'sha512',
    'MIIB+jCCAWOgAwIBAgIUHdfPMUBuhVnOLg6qTTso7HFBJAEwDQYJKoZIhvcNAQENBQAwDjEMMAoGA1UEAwwDcnNhMCAXDTI2MTEy' +
      'NTAzMTQ1N1oYDzIxMjYxMTAxMDMxNDU3WjAOMQwwCgYDVQQDDANyc2EwgZ8wDQYJKoZIhvcNAQEBBQADgY0AMIGJAoGBAMYE6Hhg' +
      '/jMKa816I1zUxvditK9U19krX7WMN1VA1GOiAEKRkXObzJfgbnAmaPx2l10Bl4Y3AfIxuI6HZFyG0ecdkK2v2qxgER1KWYAacAJf' +
      'vk0CXubfQ/dRBTz1/M2ingteAZ7npoeXnddlYixoiPwXDdmopCPCRse5++SI5fHnAgMBAAGjUzBRMB0GA1UdDgQWBBTfdKrnqt5a' +
      '/knYC/HCEA35az2/kjAfBgNVHSMEGDAWgBTfdKrnqt5a/knYC/HCEA35az2/kjAPBgNVHRMBAf8EBTADAQH/MA0GCSqGSIb3DQEB' +
      'DQUAA4GBAGXgLydnaaSzaLG0pmtnFZtbrDB5I0eWZNK7+gdXmriK/UBM0RbAgEWpmW7jS7DIkikUeFy8ppfHljOA8p0u7rBnaRx7' +
      'C/7B+pNhG9vkPABgSIZkTQDn3lBTqvQ3km3iFGI6LKBjU6ocfl6IP/2/+jL2UTATNDP8KJ/c1hzwvkZX',
  ],
  [
    'RSA-PSS',
    undefined,
    'MIICYjCCAZegAwIBAgIUOygFMOUIUcMikaeNYVktca823HcwQQYJKoZIhvcNAQEKMDSgDzANBglghkgBZQMEAgEFAKEcMBoGCSqG' +
      'SIb3DQEBCDANBglghkgBZQMEAgEFAKIDAgFeMA4xDDAKBgNVBAMMA3BzczAgFw0yNjExMjUwMzE0NTdaGA8yMTI2MTEwMTAzMTQ1' +
      'N1owDjEMMAoGA1UEAwwDcHNzMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDtG98/nZ8qo+nsTWYG6XMgyaZzQC57coic+QQ5' +
      'KHFn3htFYXY9w5aOSB+VjITHKA5qdZj2iwPrk+/NY5SwnIhSw0kty/3c4Ucx6w3H441S65fG5Jc+IOYlfVAoP8pjFHZOZxXzopUe' +
      'tdVXFsVcUXj9sY323UZQJyH+wiak/xjKLQIDAQABo1MwUTAdBgNVHQ4EFgQUlQ+8mtz0aLwrHkdgPxoZuFemxgwwHwYDVR0jBBgw' +
      'FoAUlQ+8mtz0aLwrHkdgPxoZuFemxgwwDwYDVR0TAQH/BAUwAwEB/zBBBgkqhkiG9w0BAQowNKAPMA0GCWCGSAFlAwQCAQUAoRww' +
      'GgYJKoZIhvcNAQEIMA0GCWCGSAFlAwQCAQUAogMCAV4DgYEAuT929h+vMIHbq4D3ITwD2wevmz/mq38CkXd6VoFYkC3eou5ZtbpQ' +
      'wNpAOo/U5V9AzN47c0ocn0uJym1Z6BzyhGt1bbTFmuLevBUbCijGdUdZAQPUeETtbQNUC9gK7iySf3uNJQOFoaUyvBuYmoZw4pAs' +
      'J4qo5BdRPwNIdPH8clc=',
  ],
  [
    'Ed25519',
    undefined,
    'MIIBMDCB46ADAgECAhQ5YAoW2Zw/MS2c4fwpn4fZoG9e/zAFBgMrZXAwDTELMAkGA1UEAwwCZWQwIBcNMjYxMTI1MDMxNDU3WhgP' +
      'MjEyNjExMDEwMzE0NTdaMA0xCzAJBgNVBAMMAmVkMCowBQYDK2VwAyEAgEJLpDdp0VZj8kM6TZYiDxqhXNv82iA2NS6cl6C8zkCj' +
      'UzBRMB0GA1UdDgQWBBRMPerkfA9rqWLxRaq1h2NOIDR1mzAfBgNVHSMEGDAWgBRMPerkfA9rqWLxRaq1h2NOIDR1mzAPBgNVHRMB' +
      'Af8EBTADAQH/MAUGAytlcANBAB12UJtSGwVq7T35xic7egaPj/Rl6jOfp27LOmdGFEn17/t9cZuRXj9KPMQ527icrm63WSJfIsIl' +
      'ZuWXhgqF7gg=',
  ],
];

describe('what proofs are bound to', () => {
  it.each(certificates)('is, of a certificate signed with %s, its %s', (_signature, hash, base64) => {
    const raw = Buffer.from(base64, 'base64');
    const expected = hash && createHash(hash).update(raw).digest();
    expect(hashForBinding(new X509Certificate(raw))).toEqual(expected);
  });
});

const bindingHash = createHash('sha256').update('the certificate').digest();
const plus: ScramChoice = { mechanism: 'SCRAM-SHA-256-PLUS', bindingHash };
const plain: ScramChoice = { mechanism: 'SCRAM-SHA-256', bindingHash };
const unbound: ScramChoice = { mechanism: 'SCRAM-SHA-256', bindingHash: undefined };
const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');

describe('the offer', () => {
  it('has channel binding first where there is something to bind to', () => {
    expect(offerMechanisms(bindingHash)).toEqual(['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256']);
    expect(offerMechanisms(undefined)).toEqual(['SCRAM-SHA-256']);
  });
});

/** Plays a client that knows the password, says `header`, and binds its proof to `boundTo`. */
async function login(choice: ScramChoice, header: string, boundTo: Uint8Array): Promise<unknown> {
  const password = 'pencil';
  const verifier = parseVerifier(await deriveVerifier(password, { iterations: 1 }));
  const keys = verifier && (await checkPassword(password, verifier));
  if (verifier === undefined || keys === undefined) throw new Error('no keys');
  const server = createScramServer(verifier, choice);
  const challenge = server.clientFirst(bytes(`${header}n=,r=abc`));
  if (challenge.kind === 'violation') return challenge;
  const serverFirst = Buffer.from(challenge.bytes).toString('latin1');
  const binding = Buffer.concat([bytes(header), boundTo]).toString('base64');
  const withoutProof = `c=${binding},${serverFirst.split(',')[0]}`;
  const signature = createHmac('sha256', verifier.storedKey)
    .update(`n=,r=abc,${serverFirst},${withoutProof}`, 'latin1')
    .digest();
  const proof = Buffer.from(keys.clientKey.map((byte, index) => byte ^ (signature[index] ?? 0)));
  const verdict = server.clientFinal(bytes(`${withoutProof},p=${proof.toString('base64')}`));
  return verdict.kind === 'admitted' ? 'admitted' : verdict;
}

const nothing = new Uint8Array(0);
const other = createHash('sha256').update('another certificate').digest();
const bound = 'p=tls-server-end-point,,';
const negotiationError = { what: 'SCRAM channel binding negotiation error', sqlState: '28000' };
const checkFailed = { what: 'SCRAM channel binding check failed', sqlState: '28000' };

describe('a client that knows the password', () => {
  it.each([
    ['binds to our certificate', plus, bound, bindingHash],
    ['does not want to bind though it could', plain, 'n,,', nothing],
    ['does not want to bind and could not', unbound, 'n,,', nothing],
    ['would bind if it were offered', unbound, 'y,,', nothing],
  ] as const)('is admitted when it %s', async (_what, choice, header, boundTo) => {
    expect(await login(choice, header, boundTo)).toBe('admitted');
  });

  it.each([
    ['was shown another certificate', plus, bound, other, checkFailed],
    ['binds to nothing', plus, bound, nothing, checkFailed],
    ['binds to a part of it', plus, bound, bindingHash.subarray(0, 31), checkFailed],
    ['has not heard of the offer', plain, 'y,,', nothing, negotiationError],
    ['binds to something else', plus, 'p=tls-unique,,', bindingHash, { what: 'unsupported kind of channel binding' }],
    ['binds to something without a name', plus, 'p=,,', bindingHash, { what: 'unsupported kind of channel binding' }],
    [
      'binds by a mechanism that does not',
      plain,
      bound,
      bindingHash,
      { what: 'channel binding without its mechanism' },
    ],
    [
      'does not bind by a mechanism that does',
      plus,
      'n,,',
      nothing,
      { what: 'the mechanism with channel binding was chosen without channel binding' },
    ],
    [
      'cannot bind by a mechanism that does',
      plus,
      'y,,',
      nothing,
      { what: 'the mechanism with channel binding was chosen without channel binding' },
    ],
    ['binds where it was not offered', unbound, bound, bindingHash, { what: 'channel binding was not offered' }],
  ] as const)('is refused when it %s', async (_what, choice, header, boundTo, refusal) => {
    expect(await login(choice, header, boundTo)).toEqual({ kind: 'violation', ...refusal });
  });
});
