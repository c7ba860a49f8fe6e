// The directory under which everything lives: templates, data directories, sockets, the service password.
// It must be searchable by the account Postgres runs as; where it cannot be, the home moves to /var/lib/pgwake.
//
//   secrets/     0700  ours               the service role's password
//   templates/   0711  ours               initialised clusters to copy from
//   computes/    0711  ours               one place per endpoint
//   postgres/    0755  ours               copied binaries, only where the installed ones cannot be read
//
// Only data and socket directories belong to the database user: what it can write, root must not trust.

import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createHash, randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { checkBinaries, locateBinDir, type PostgresBinaries } from './binaries.js';
import { type DatabaseUser, findDatabaseUser } from './database-user.js';
import { loadServicePassword } from './service-password.js';
import { ComputeSetupError } from './setup-error.js';

export interface ProcessHome {
  /** Absolute, without symbolic links. */
  readonly root: string;
  readonly binaries: PostgresBinaries;
  /** `undefined`: Postgres runs as the current user. */
  readonly user: DatabaseUser | undefined;
  /** Of the service role, in every cluster made here. A secret: it never goes into a log. */
  readonly servicePassword: string;
}

export interface HomeSettings {
  /** Made when missing. */
  readonly dataDir: string;
  /** A directory with `postgres` and `initdb`; `undefined`: the npm package for this machine. */
  readonly binDir?: string | undefined;
  /** Takes one sentence per step worth telling. */
  readonly onProgress?: (text: string) => void;
}

/** Throws ComputeSetupError when Postgres cannot run here. Doing it again changes nothing. */
export async function prepareHome(settings: HomeSettings): Promise<ProcessHome> {
  try {
    return await prepare(settings, settings.onProgress ?? (() => undefined));
  } catch (error) {
    if (error instanceof ComputeSetupError) throw error;
    // A directory of another user, a full disk: Node's sentence names the file.
    throw new ComputeSetupError(`${settings.dataDir} cannot hold databases: ${(error as Error).message}.`);
  }
}

async function prepare(settings: HomeSettings, onProgress: (text: string) => void): Promise<ProcessHome> {
  const user = findDatabaseUser();
  const root = chooseRoot(settings.dataDir, user, onProgress);
  for (const name of ['templates', 'computes']) mkdirSync(join(root, name), { recursive: true, mode: 0o711 });
  const binaries = await readableBinaries(locateBinDir(settings.binDir), root, user, onProgress);
  return { root, binaries, user, servicePassword: loadServicePassword(join(root, 'secrets')) };
}

const pointerFile = 'location';
const refuge = '/var/lib/pgwake';

/** Where the databases of a data directory live: in it, or where its pointer says. */
export function locateData(dataDir: string): string {
  const pointer = join(dataDir, pointerFile);
  return existsSync(pointer) ? readFileSync(pointer, 'utf8').trim() : dataDir;
}

function chooseRoot(dataDir: string, user: DatabaseUser | undefined, onProgress: (text: string) => void): string {
  mkdirSync(dataDir, { recursive: true, mode: user ? 0o711 : 0o700 });
  const wanted = realpathSync(dataDir);
  // Once the data lives elsewhere it stays there, also when the directory becomes readable later.
  const located = locateData(wanted);
  if (located !== wanted) return located;
  if (user) letSearch(wanted);
  const closed = closedDirectory(wanted, user);
  if (closed === undefined) return wanted;
  if (existsSync(join(wanted, 'computes'))) {
    throw new ComputeSetupError(
      `The databases in ${wanted} cannot be reached by the user "${user?.name}": give it search permission on ${closed}.`,
    );
  }
  const root = join(refuge, createHash('sha256').update(wanted).digest('hex').slice(0, 16));
  mkdirSync(refuge, { recursive: true, mode: 0o755 });
  mkdirSync(root, { recursive: true, mode: 0o711 });
  writeFileSync(join(wanted, pointerFile), `${root}\n`);
  onProgress(`The user "${user?.name}" cannot enter ${closed}: the databases live in ${root} instead.`);
  return root;
}

/** Search, not listing: the names in the home stay private, and the secrets have a directory of their own. */
function letSearch(directory: string): void {
  const { uid, mode } = statSync(directory);
  if (uid === process.getuid?.() && (mode & 0o011) !== 0o011) chmodSync(directory, (mode & 0o7777) | 0o011);
}

/** The first directory on the way to `path` that the user may not pass, from the top; `undefined` when there is none. */
function closedDirectory(path: string, user: DatabaseUser | undefined): string | undefined {
  if (!user) return undefined;
  const parent = dirname(path);
  const above = parent === path ? undefined : closedDirectory(parent, user);
  if (above !== undefined) return above;
  const { uid, gid, mode } = statSync(path);
  const search = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
  return mode & search ? undefined : path;
}

async function readableBinaries(
  binDir: string,
  root: string,
  user: DatabaseUser | undefined,
  onProgress: (text: string) => void,
): Promise<PostgresBinaries> {
  const asUser = await checkBinaries(binDir, user);
  if (asUser.ok) return asUser.binaries;
  const asOurselves = user ? await checkBinaries(binDir, undefined) : asUser;
  if (!asOurselves.ok) throw new ComputeSetupError(`Postgres in ${binDir} does not run: ${asOurselves.reason}.`);
  const target = join(root, 'postgres', asOurselves.binaries.version);
  if (!existsSync(target)) {
    onProgress(`The user "${user?.name}" cannot read ${binDir}: Postgres is copied to ${target}.`);
    mkdirSync(dirname(target), { recursive: true, mode: 0o755 });
    const partial = `${target}.partial-${randomBytes(6).toString('hex')}`;
    cpSync(dirname(binDir), partial, { recursive: true, verbatimSymlinks: true });
    try {
      renameSync(partial, target);
    } catch (error) {
      rmSync(partial, { recursive: true });
      if (!existsSync(target)) throw error;
    }
  }
  const copied = await checkBinaries(join(target, 'bin'), user);
  if (!copied.ok) throw new ComputeSetupError(`Postgres copied to ${target} does not run: ${copied.reason}.`);
  return copied.binaries;
}
