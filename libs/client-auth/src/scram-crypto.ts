// The functions of RFC 5802, section 2.2, for SHA-256. Everything is bytes; nothing is kept.

import { createHmac, createSecretKey, hash, pbkdf2, timingSafeEqual } from 'node:crypto';
import { saslprep } from './saslprep.js';

/** SHA-256 gives, and every key and signature of SCRAM-SHA-256 has, this many bytes. */
export const keyBytes = 32;

/** As Postgres' `scram_iterations` and `SCRAM_DEFAULT_SALT_LEN` default to. */
export const defaultIterations = 4096;
export const defaultSaltBytes = 16;

/**
 * The most iterations pgwake itself computes, from a verifier or for a server that asks for them: OWASP's advice for
 * PBKDF2-HMAC-SHA256, some 0.2 s of one thread. Without a limit one line of text could keep a thread busy for an hour.
 */
export const maxIterations = 600_000;

export function sha256(data: Uint8Array): Uint8Array {
  return hash('sha256', data, 'buffer');
}

export function hmac(key: Uint8Array, data: Uint8Array | string): Uint8Array {
  // Finding out that bytes are no key object costs Node several times the HMAC itself.
  return createHmac('sha256', createSecretKey(key)).update(data).digest();
}

export function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, index) => byte ^ (b[index] ?? 0));
}

/** In the same time wherever the first difference is. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

export interface DerivedKeys {
  readonly clientKey: Uint8Array;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

/** The slow step, on libuv's threads. `iterations` is the caller's to limit. */
export async function deriveKeys(password: string, salt: Uint8Array, iterations: number): Promise<DerivedKeys> {
  const saltedPassword = await new Promise<Uint8Array>((resolve, reject) => {
    pbkdf2(saslprep(password), salt, iterations, keyBytes, 'sha256', (error, key) => {
      if (error) reject(error);
      else resolve(key);
    });
  });
  const clientKey = hmac(saltedPassword, 'Client Key');
  return { clientKey, storedKey: sha256(clientKey), serverKey: hmac(saltedPassword, 'Server Key') };
}

/** Strict: what another encoder would have written differently is refused. */
export function decodeBase64(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}
