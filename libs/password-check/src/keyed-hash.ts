import { hash, randomBytes } from 'node:crypto';

/**
 * A hash with a key of its own, which dies with the process: what was hashed can be found again, and cannot be tried out
 * elsewhere. SHA-3 with the key in front is a MAC (with SHA-2 it would not be one), and costs a third of an HMAC, of which
 * Node makes several objects.
 */
export function createKeyedHash(): (text: string) => string {
  const key = randomBytes(32).toString('hex');
  return (text) => hash('sha3-256', key + text, 'base64');
}
