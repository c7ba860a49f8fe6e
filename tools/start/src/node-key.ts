// The key with which wake-service signs node addresses, kept in a file of the owner alone: made once, so that the services
// of an earlier launcher and those of this one believe each other.

import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** In the form of PGWAKE_NODE_KEYS. */
export function ensureNodeKey(file: string): string {
  if (existsSync(file)) return readFileSync(file, 'utf8').trim();
  const key = `start:${randomBytes(32).toString('hex')}`;
  writeFileSync(file, `${key}\n`, { mode: 0o600 });
  return key;
}
