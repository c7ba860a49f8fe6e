// A certificate for one machine: an authority that exists for this one certificate signs it, and its key is forgotten.

import { webcrypto } from 'node:crypto';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

/** All in PEM. Who wants to verify `cert` trusts `ca`. */
export interface CertificatePem {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 86_400_000;
const lifeMs = 800 * dayMs;

/**
 * For `localhost`, the names below it, and the loopback addresses; good for 800 days, usable by servers and by clients.
 * OpenSSL and Node take `*.localhost` for no valid pattern (libpq does), so `namesBelow` are listed as well.
 */
export async function makeCertificate(namesBelow: readonly string[] = []): Promise<CertificatePem> {
  const authorityKeys = await makeKeys();
  const ownKeys = await makeKeys();
  const validity = { notBefore: new Date(Date.now() - dayMs), notAfter: new Date(Date.now() + lifeMs) };

  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=pgwake local authority',
    keys: authorityKeys,
    signingAlgorithm: algorithm,
    ...validity,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  });
  const certificate = await x509.X509CertificateGenerator.create({
    subject: 'CN=localhost',
    issuer: authority.subject,
    publicKey: ownKeys.publicKey,
    signingKey: authorityKeys.privateKey,
    signingAlgorithm: algorithm,
    ...validity,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension([
        ...['localhost', '*.localhost', ...namesBelow.map((name) => `${name}.localhost`)].map(
          (value) => ({ type: 'dns', value }) as const,
        ),
        { type: 'ip', value: '127.0.0.1' },
        { type: 'ip', value: '::1' },
      ]),
      await x509.AuthorityKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  });
  const key = await webcrypto.subtle.exportKey('pkcs8', ownKeys.privateKey);
  return {
    ca: `${authority.toString('pem')}\n`,
    cert: `${certificate.toString('pem')}\n`,
    key: `${x509.PemConverter.encode(key, 'PRIVATE KEY')}\n`,
  };
}

async function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
}
