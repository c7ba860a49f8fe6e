// A role's secret as Postgres keeps it in pg_authid.rolpassword:
// SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>, all but the first in base64. It lets a server check a
// password, and a thief of it impersonate the server, but not log in.

import { randomBytes } from 'node:crypto';
import {
  decodeBase64,
  defaultIterations,
  defaultSaltBytes,
  deriveKeys,
  encodeBase64,
  equalBytes,
  hmac,
  keyBytes,
  maxIterations,
  sha256,
} from './scram-crypto.js';

export interface ScramVerifier {
  readonly iterations: number;
  readonly salt: Uint8Array;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

/** What a login at a server with the same verifier needs instead of the password. As secret as the password. */
export interface ScramKeys {
  readonly clientKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

/** Iteration counts are an int in Postgres. The salt has to fit into a message of 1,024 bytes. */
const maxStoredIterations = 0x7fff_ffff;
const maxSaltBytes = 256;

/** `undefined` for an MD5 hash, a plain password and everything else that is no SCRAM-SHA-256 verifier. */
export function parseVerifier(text: string): ScramVerifier | undefined {
  const [mechanism, cost, keys, ...more] = text.split('$');
  if (mechanism !== 'SCRAM-SHA-256' || cost === undefined || keys === undefined || more.length > 0) return undefined;
  const [iterationsText = '', saltText = '', ...moreCost] = cost.split(':');
  const [storedKeyText = '', serverKeyText = '', ...moreKeys] = keys.split(':');
  if (moreCost.length > 0 || moreKeys.length > 0 || !/^[1-9][0-9]{0,9}$/.test(iterationsText)) return undefined;

  const iterations = Number(iterationsText);
  const salt = decodeBase64(saltText);
  const storedKey = decodeBase64(storedKeyText);
  const serverKey = decodeBase64(serverKeyText);
  if (iterations > maxStoredIterations) return undefined;
  if (salt === undefined || salt.length === 0 || salt.length > maxSaltBytes) return undefined;
  if (storedKey?.length !== keyBytes || serverKey?.length !== keyBytes) return undefined;
  return { iterations, salt, storedKey, serverKey };
}

export function formatVerifier({ iterations, salt, storedKey, serverKey }: ScramVerifier): string {
  return `SCRAM-SHA-256$${iterations}:${encodeBase64(salt)}$${encodeBase64(storedKey)}:${encodeBase64(serverKey)}`;
}

/**
 * A verifier that Postgres takes in `CREATE ROLE ... PASSWORD '<verifier>'`. A fresh random salt unless one is given.
 * Rejects with RangeError for iterations outside 1 to 600,000, a salt outside 1 to 256 bytes and a password with NUL.
 */
export async function deriveVerifier(
  password: string,
  options: { readonly iterations?: number; readonly salt?: Uint8Array } = {},
): Promise<string> {
  const { iterations = defaultIterations, salt = randomBytes(defaultSaltBytes) } = options;
  if (!Number.isInteger(iterations) || iterations < 1 || iterations > maxIterations) {
    throw new RangeError(`iterations out of range: ${iterations}`);
  }
  if (salt.length === 0 || salt.length > maxSaltBytes) throw new RangeError(`salt of ${salt.length} bytes`);
  if (password.includes('\0')) throw new RangeError('a Postgres password cannot hold NUL');
  const { storedKey, serverKey } = await deriveKeys(password, salt, iterations);
  return formatVerifier({ iterations, salt, storedKey, serverKey });
}

/**
 * Checks a password that came in clear text. `undefined`: it does not fit, or the verifier asks for more than 600,000
 * iterations, with which only SCRAM logs in (there the client does the work).
 */
export async function checkPassword(password: string, verifier: ScramVerifier): Promise<ScramKeys | undefined> {
  // HMAC fills a key up with zeros: with a NUL behind it the right password would fit as well.
  if (verifier.iterations > maxIterations || password.includes('\0')) return undefined;
  const { clientKey, storedKey } = await deriveKeys(password, verifier.salt, verifier.iterations);
  return equalBytes(storedKey, verifier.storedKey) ? { clientKey, serverKey: verifier.serverKey } : undefined;
}

/** Whether a login with these keys would be let in by a server with that verifier. */
export function fitVerifier({ clientKey, serverKey }: ScramKeys, verifier: ScramVerifier): boolean {
  return equalBytes(sha256(clientKey), verifier.storedKey) && equalBytes(serverKey, verifier.serverKey);
}

/**
 * The verifier to use for a role or an endpoint that does not exist, so that the exchange looks the same and fails the
 * same. Equal for equal arguments: a salt that changed between two attempts would tell that the role is made up.
 * No password fits, as nobody knows a ClientKey that hashes to the stored key. `secret` has to stay secret.
 */
export function makeMockVerifier(secret: Uint8Array, endpoint: string, role: string): ScramVerifier {
  // NUL is in neither name, so no two pairs give the same text.
  const keyFor = (purpose: string): Uint8Array => hmac(secret, `${purpose}\0${endpoint}\0${role}`);
  return {
    iterations: defaultIterations,
    salt: keyFor('mock salt').subarray(0, defaultSaltBytes),
    storedKey: keyFor('mock stored key'),
    serverKey: keyFor('mock server key'),
  };
}
