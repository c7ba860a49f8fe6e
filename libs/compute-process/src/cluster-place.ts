// One directory per cluster: its data, its socket, its log and what we remember of its postmaster.

import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DatabaseUser, giveTo } from './database-user.js';
import { ComputeSetupError } from './setup-error.js';

export interface ClusterPlace {
  /** Ours, so that what the database user writes cannot lead our own writing elsewhere. */
  readonly directory: string;
  readonly dataDirectory: string;
  readonly socketDirectory: string;
  readonly logFile: string;
  readonly stateFile: string;
}

// sun_path holds 108 bytes on Linux and 104 on macOS, with the closing NUL.
const longestSocketPath = process.platform === 'linux' ? 107 : 103;
const longestSocketName = '.s.PGSQL.65535'.length;

/** The same answer for the same directory, so that a later life finds the socket of a running postmaster. */
export function placeOf(directory: string): ClusterPlace {
  const beside = join(directory, 'socket');
  const fits = Buffer.byteLength(beside) + 1 + longestSocketName <= longestSocketPath;
  const hash = createHash('sha256').update(directory).digest('hex').slice(0, 16);
  return {
    directory,
    dataDirectory: join(directory, 'data'),
    socketDirectory: fits ? beside : join(tmpdir(), `pgwake-${hash}`),
    logFile: join(directory, 'postgres.log'),
    stateFile: join(directory, 'state.json'),
  };
}

/** Makes the directories around the data directory. Doing it again changes nothing. */
export function makePlace(place: ClusterPlace, user: DatabaseUser | undefined): void {
  mkdirSync(place.directory, { recursive: true, mode: 0o711 });
  makePrivate(place.socketDirectory, user);
}

function makePrivate(directory: string, user: DatabaseUser | undefined): void {
  if (!existsSync(directory)) {
    mkdirSync(directory, { mode: 0o700 });
    giveTo(user, directory);
    return;
  }
  // In a shared temporary directory somebody else may have been here first, and would receive the passwords.
  const found = lstatSync(directory);
  const owner = user?.uid ?? process.getuid?.() ?? found.uid;
  if (!found.isDirectory() || found.uid !== owner || (found.mode & 0o077) !== 0) {
    throw new ComputeSetupError(
      `The socket directory ${directory} is not a private directory of the database user: remove it.`,
    );
  }
}
