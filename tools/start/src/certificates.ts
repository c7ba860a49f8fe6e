// A certificate for this machine: a small authority of its own signs a certificate for `localhost` and `*.localhost`.
// Who wants to verify it trusts `ca.crt`. The authority's key is used once and never written down.

import { X509Certificate, webcrypto } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

export interface CertificateFiles {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const dayMs = 86_400_000;
const lifeMs = 800 * dayMs;
const renewBeforeMs = 30 * dayMs;

/** Gives the files in `directory`, making them when they are not there or about to expire. */
export async function ensureCertificate(directory: string): Promise<CertificateFiles> {
  const files = {
    caFile: join(directory, 'ca.crt'),
    certFile: join(directory, 'server.crt'),
    keyFile: join(directory, 'server.key'),
  };
  if (isGood(files)) return files;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const made = await makeCertificate();
  write(files.keyFile, made.key, 0o600);
  write(files.caFile, made.ca, 0o644);
  write(files.certFile, made.cert, 0o644);
  return files;
}

function isGood({ caFile, certFile, keyFile }: CertificateFiles): boolean {
  try {
    const cert = new X509Certificate(readFileSync(certFile));
    const signed = cert.checkIssued(new X509Certificate(readFileSync(caFile)));
    readFileSync(keyFile);
    return signed && Date.parse(cert.validTo) - Date.now() > renewBeforeMs;
  } catch {
    return false;
  }
}

async function makeCertificate(): Promise<{ ca: string; cert: string; key: string }> {
  const authorityKeys = (await webcrypto.subtle.generateKey(algorithm, true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair;
  const serverKeys = (await webcrypto.subtle.generateKey(algorithm, true, [
    'sign',
    'verify',
  ])) as webcrypto.CryptoKeyPair;
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
  const server = await x509.X509CertificateGenerator.create({
    subject: 'CN=localhost',
    issuer: authority.subject,
    publicKey: serverKeys.publicKey,
    signingKey: authorityKeys.privateKey,
    signingAlgorithm: algorithm,
    ...validity,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        { type: 'dns', value: '*.localhost' },
        { type: 'ip', value: '127.0.0.1' },
        { type: 'ip', value: '::1' },
      ]),
      await x509.AuthorityKeyIdentifierExtension.create(authorityKeys.publicKey),
    ],
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', serverKeys.privateKey));
  return {
    ca: authority.toString('pem'),
    cert: server.toString('pem'),
    key: x509.PemConverter.encode(key, 'PRIVATE KEY'),
  };
}

/** Whole or not at all: a half-written file would pass for a broken setting. */
function write(file: string, content: string, mode: number): void {
  writeFileSync(`${file}.new`, `${content}\n`, { mode });
  renameSync(`${file}.new`, file);
}
