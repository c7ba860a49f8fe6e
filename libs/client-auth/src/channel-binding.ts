// Channel binding of the kind `tls-server-end-point` (RFC 5929, section 4): a hash of the server's certificate. A client
// that binds its proof to the certificate it was shown cannot be relayed by somebody who shows another.

import { type X509Certificate, createHash } from 'node:crypto';

/** The hash of the certificate's own signature; SHA-256 in the place of MD5 and SHA-1. */
const hashBySignature: ReadonlyMap<string, string> = new Map([
  ['1.2.840.113549.1.1.4', 'sha256'], // RSA with MD5
  ['1.2.840.113549.1.1.5', 'sha256'], // RSA with SHA-1
  ['1.2.840.113549.1.1.14', 'sha224'],
  ['1.2.840.113549.1.1.11', 'sha256'],
  ['1.2.840.113549.1.1.12', 'sha384'],
  ['1.2.840.113549.1.1.13', 'sha512'],
  ['1.2.840.10045.4.1', 'sha256'], // ECDSA with SHA-1
  ['1.2.840.10045.4.3.1', 'sha224'],
  ['1.2.840.10045.4.3.2', 'sha256'],
  ['1.2.840.10045.4.3.3', 'sha384'],
  ['1.2.840.10045.4.3.4', 'sha512'],
]);

/**
 * `undefined` where the signature has no hash of its own (Ed25519, Ed448) or clients do not agree on which it is
 * (RSA-PSS): then channel binding cannot be offered.
 */
export function hashForBinding(certificate: X509Certificate): Uint8Array | undefined {
  const hash = hashBySignature.get(certificate.signatureAlgorithmOid);
  return hash === undefined ? undefined : createHash(hash).update(certificate.raw).digest();
}
