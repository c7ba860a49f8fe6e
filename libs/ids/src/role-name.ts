import type { Brand } from './brand.js';

/** A Postgres role name: 1 to 63 bytes of UTF-8 (NAMEDATALEN - 1), no NUL. */
export type RoleName = Brand<string, 'RoleName'>;

const encoder = new TextEncoder();

/** Untrusted text to a role name. `undefined` when Postgres could not hold such a name. */
export function parseRoleName(text: string): RoleName | undefined {
  if (text.length === 0 || text.length > 63 || text.includes('\0')) return undefined;
  return encoder.encode(text).length <= 63 ? (text as RoleName) : undefined;
}
