import { expect, it } from '@jest/globals';
import { makeNonce } from './nonce.js';

it('no nonce is given twice, however many are asked for, and each is one to Postgres', () => {
  const nonces = Array.from({ length: 1_000 }, makeNonce);
  expect(new Set(nonces).size).toBe(nonces.length);
  for (const nonce of nonces) expect(nonce).toMatch(/^[A-Za-z0-9+/]{24}$/);
});
