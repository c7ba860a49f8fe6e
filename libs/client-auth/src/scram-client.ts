// The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), with a password or with the keys that an earlier
// exchange left. No channel binding: it says `n`.

import { makeNonce } from './nonce.js';
import { deriveKeys, encodeBase64, equalBytes, hmac, maxIterations, sha256, xor } from './scram-crypto.js';
import { type ScramViolation, parseServerFinal, parseServerFirst, toBytes, violation } from './scram-messages.js';
import type { ScramKeys } from './scram-verifier.js';

export type ScramCredential = ScramKeys | { readonly password: string };

export interface ScramClient {
  /** client-first-message, for SASLInitialResponse. */
  first(): Uint8Array;
  /**
   * Takes server-first-message, gives client-final-message. With a password this costs the iterations that the server
   * asks for, at most 600,000; with keys nothing.
   */
  final(serverFirst: Uint8Array): Promise<{ readonly kind: 'final'; readonly bytes: Uint8Array } | ScramViolation>;
  /** Whether server-final-message proves that the server knows the verifier. Always false before `final`. */
  verify(serverFinal: Uint8Array): boolean;
}

const gs2Header = 'n,,';

export function createScramClient(credential: ScramCredential): ScramClient {
  return createScramClientWithNonce(credential, makeNonce());
}

/**
 * With a chosen nonce and user name, for published test vectors only. Postgres ignores the name, and libpq sends
 * none.
 */
export function createScramClientWithNonce(credential: ScramCredential, clientNonce: string, user = ''): ScramClient {
  const clientFirstBare = `n=${user},r=${clientNonce}`;
  let expectedSignature: Uint8Array | undefined;

  return {
    first() {
      return toBytes(gs2Header + clientFirstBare);
    },

    async final(serverFirstBytes) {
      const serverFirst = parseServerFirst(serverFirstBytes);
      if (serverFirst.kind === 'violation') return serverFirst;
      const { nonce, salt, iterations } = serverFirst;
      if (!nonce.startsWith(clientNonce) || nonce === clientNonce) return violation('SCRAM nonce does not match');
      if ('password' in credential && iterations > maxIterations) return violation('too many SCRAM iterations');

      const keys = 'password' in credential ? await deriveKeys(credential.password, salt, iterations) : credential;
      const withoutProof = `c=${encodeBase64(toBytes(gs2Header))},r=${nonce}`;
      const authMessage = Buffer.concat([
        toBytes(`${clientFirstBare},`),
        serverFirstBytes,
        toBytes(`,${withoutProof}`),
      ]);
      const proof = xor(keys.clientKey, hmac(sha256(keys.clientKey), authMessage));
      expectedSignature = hmac(keys.serverKey, authMessage);
      return { kind: 'final', bytes: toBytes(`${withoutProof},p=${encodeBase64(proof)}`) };
    },

    verify(serverFinal) {
      const signature = parseServerFinal(serverFinal);
      return signature !== undefined && expectedSignature !== undefined && equalBytes(signature, expectedSignature);
    },
  };
}
