// What a TLS handshake with a client needs, made from PEM texts. Whether they fit each other is found out here, not by
// the first client.

import { X509Certificate, constants, createPrivateKey } from 'node:crypto';
import { hashForBinding } from '@pgwake/client-auth';
import { type SecureContext, createSecureContext } from 'node:tls';

export interface CertificateMaterial {
  /** The chain, the server's own certificate first. */
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly clientCa: Buffer | undefined;
}

export interface HandshakePolicy {
  readonly minVersion: '1.2' | '1.3';
  /** For the key exchange, as OpenSSL lists them; `auto`: those of Node. */
  readonly groups: string;
  readonly clientCert: 'off' | 'optional' | 'required';
}

/** For any number of handshakes; never changed, only replaced. */
export interface ServerCertificate {
  readonly context: SecureContext;
  readonly clientCert: HandshakePolicy['clientCert'];
  readonly leaf: X509Certificate;
  /** What clients may bind their proofs to; `undefined`: the certificate is of a kind that has nothing for it. */
  readonly bindingHash: Uint8Array | undefined;
}

/** Throws when the texts cannot be read or do not belong together. */
export function createServerCertificate(
  { cert, key, clientCa }: CertificateMaterial,
  { minVersion, groups, clientCert }: HandshakePolicy,
): ServerCertificate {
  const leaf = new X509Certificate(cert);
  // OpenSSL compares only keys of the same kind: an RSA certificate with an Ed25519 key would fail in the handshake.
  if (!leaf.checkPrivateKey(createPrivateKey(key))) throw new Error('the key is not that of the certificate');
  const context = createSecureContext({
    cert,
    key,
    ...(clientCa && { ca: clientCa }),
    minVersion: `TLSv${minVersion}`,
    ecdhCurve: groups,
    // A client that is asked for its certificate could not resume its TLS session without a context id.
    sessionIdContext: 'pgwake',
    // Node allows clients to renegotiate in TLS 1.2, which nobody needs and costs the server more than the client.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  });
  return { context, clientCert, leaf, bindingHash: hashForBinding(leaf) };
}

/** Why the certificate is of no use at this time; `undefined` when it is. */
export function explainInvalidity({ leaf }: ServerCertificate, nowMs: number): string | undefined {
  if (nowMs > Date.parse(leaf.validTo)) return `it has expired (${leaf.validTo})`;
  if (nowMs < Date.parse(leaf.validFrom)) return `it is not valid yet (${leaf.validFrom})`;
  return undefined;
}
