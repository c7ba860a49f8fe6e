// Nonces of SCRAM. Their bytes are made in advance, many at a time: asking OpenSSL each time costs more than the rest of a message.

import { randomFillSync } from 'node:crypto';

/** SCRAM_RAW_NONCE_LEN of Postgres. */
const nonceBytes = 18;
const pool = Buffer.alloc(nonceBytes * 128);
let used = pool.length;

/** Printable and without a comma, as a nonce has to be. Nobody has been given it before. */
export function makeNonce(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += nonceBytes;
  return pool.toString('base64', used - nonceBytes, used);
}
