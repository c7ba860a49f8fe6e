// Postgres refuses to run as root. As root we hand every Postgres process to an unprivileged account.

import { chownSync, readFileSync } from 'node:fs';
import { ComputeSetupError } from './setup-error.js';

/** The account Postgres runs as where it is not our own. */
export interface DatabaseUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** The account named `name` in the text of an `/etc/passwd`. */
export function parseAccount(passwd: string, name: string): DatabaseUser | undefined {
  for (const line of passwd.split('\n')) {
    const [account, , uid, gid] = line.split(':');
    if (account === name && uid && gid) return { name, uid: Number(uid), gid: Number(gid) };
  }
  return undefined;
}

/** `undefined` unless we are root: then Postgres runs as the current user. */
export function findDatabaseUser(): DatabaseUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const passwd = readFileSync('/etc/passwd', 'utf8');
  const user = parseAccount(passwd, 'postgres') ?? parseAccount(passwd, 'nobody');
  if (!user) {
    throw new ComputeSetupError(
      'Postgres does not run as root and this machine has no user "postgres" or "nobody": add one, or start pgwake as another user.',
    );
  }
  return user;
}

/** Options for `spawn`: the account to switch to, if any. */
export function spawnIdentity(user: DatabaseUser | undefined): { uid?: number; gid?: number } {
  return user ? { uid: user.uid, gid: user.gid } : {};
}

/** Gives a file or directory to the database user. */
export function giveTo(user: DatabaseUser | undefined, path: string): void {
  if (user) chownSync(path, user.uid, user.gid);
}
