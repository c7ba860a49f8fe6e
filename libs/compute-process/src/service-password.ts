// The password of the service role: 256 random bits, made once, in a file only we can read.

import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Reserved at the gateway: no client can log in under this name. */
export const serviceRole = 'pgwake';
/** The service connection sits in a database of its own, so that nobody waits for it to leave theirs. */
export const serviceDatabase = 'pgwake';

/** Reads the password kept in `directory`, and makes it the first time. Processes that race for it all get the same one. */
export function loadServicePassword(directory: string): string {
  const file = join(directory, 'service-password');
  const written = readIfPresent(file);
  if (written !== undefined) return written;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  writeFileSync(draft, randomBytes(32).toString('base64url'), { mode: 0o600, flush: true });
  try {
    linkSync(draft, file); // fails when the file exists, where a rename would replace it
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    unlinkSync(draft);
  }
  return readFileSync(file, 'utf8');
}

function readIfPresent(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
