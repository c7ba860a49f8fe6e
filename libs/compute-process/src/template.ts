// Makes clusters. initdb takes a second, a copy of a ready cluster a tenth of it, and renaming a spare copy no time.

import { createHash, randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { spareDatabaseName } from '@pgwake/wake-core';
import { giveTo } from './database-user.js';
import type { ProcessHome } from './process-home.js';
import { reasonIn, type ProgramResult, runProgram } from './run-program.js';
import { serviceDatabase, serviceRole } from './service-password.js';
import { ComputeSetupError } from './setup-error.js';

// Lean because every wake pays for it: fewer file descriptors to count, less shared memory to map. Whatever a crash or
// a replica depends on (fsync, wal_level, autovacuum) stays as Postgres has it. Change `edition` with what initialise() does.
const edition = 2;
const configuration = (
  major: number,
): string => `# Written by pgwake. Settings that pgwake owns come on the command line and win.
shared_buffers = '32MB'
huge_pages = off
${major >= 18 ? 'io_method = sync\n' : ''}max_files_per_process = 200
max_worker_processes = 4
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
default_text_search_config = 'pg_catalog.english'
`;

const authentication = `# Written by pgwake: SCRAM only, never trust, never peer.
local all         all               scram-sha-256
local replication all               scram-sha-256
host  all         all 127.0.0.1/32  scram-sha-256
host  all         all ::1/128       scram-sha-256
host  replication all 127.0.0.1/32  scram-sha-256
host  replication all ::1/128       scram-sha-256
`;

/** The data directory to copy from, for these binaries and this service password. Made when missing, whoever races for it. */
export async function ensureTemplate(home: ProcessHome, onProgress: (text: string) => void): Promise<string> {
  const { version, major } = home.binaries;
  const ingredients = [edition, version, configuration(major), authentication, home.servicePassword];
  const hash = createHash('sha256').update(JSON.stringify(ingredients)).digest('hex').slice(0, 12);
  const template = join(home.root, 'templates', `${version}-${hash}`);
  if (existsSync(template)) return template;
  onProgress(`Making the template of new databases with Postgres ${version} (once).`);
  await appear(home, template, 'durable', (partial) => initialise(home, partial));
  return template;
}

async function initialise(home: ProcessHome, directory: string): Promise<void> {
  mkdirSync(directory, { mode: 0o700 }); // the database user may not make one here; initdb takes an empty one
  giveTo(home.user, directory);
  // The built-in locale sorts by code point and knows Unicode's letters; no library of the machine can change an index under us.
  const locale = home.binaries.major >= 17 ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8'] : [];
  const args = ['-D', directory, '-U', serviceRole, '-E', 'UTF8', '--locale=C', ...locale, '-A', 'trust', '--no-sync'];
  requireSuccess('initdb', await runProgram(join(home.binaries.binDir, 'initdb'), args, { user: home.user }));
  writeFileSync(join(directory, 'postgresql.conf'), configuration(home.binaries.major));
  writeFileSync(join(directory, 'pg_hba.conf'), authentication);
  await runSingleUser(home, directory, [
    // 256 random bits need no stretching, and every service login is cheaper by some milliseconds.
    ...(home.binaries.major >= 16 ? ['SET scram_iterations = 1'] : []),
    `ALTER ROLE ${serviceRole} PASSWORD '${home.servicePassword}'`,
    `CREATE DATABASE ${serviceDatabase}`,
    // Made here once, renamed at an endpoint's first wake: CREATE DATABASE there would cost the client a third of a second.
    `CREATE DATABASE ${spareDatabaseName}`,
    // A session in template1 would keep everybody from CREATE DATABASE.
    `REVOKE CONNECT ON DATABASE ${serviceDatabase}, template1 FROM PUBLIC`,
  ]);
}

/**
 * Runs statements, one line each, as superuser in a cluster whose postmaster is not running. They travel through standard
 * input, so secrets in them show up in no list of processes. Throws at the first error.
 */
export async function runSingleUser(
  home: ProcessHome,
  dataDirectory: string,
  statements: readonly string[],
): Promise<void> {
  const args = [
    '--single',
    '-F',
    '-c',
    'exit_on_error=on',
    '-c',
    'log_min_messages=error',
    '-D',
    dataDirectory,
    'postgres',
  ];
  const stdin = statements.map((statement) => `${statement};\n`).join('');
  const program = join(home.binaries.binDir, 'postgres');
  requireSuccess('postgres --single', await runProgram(program, args, { user: home.user, stdin }));
}

/** Whether a new cluster is on disk before it gets its name. Data that tests throw away need not be. */
export type Durability = 'durable' | 'fleeting';

/**
 * Copies a cluster that is not running. `target` holds the whole copy or does not exist; with `durable` also after a power
 * failure, which costs as much time again.
 */
export async function copyCluster(
  home: ProcessHome,
  template: string,
  target: string,
  keep: Durability = 'durable',
): Promise<void> {
  await appear(home, target, keep, async (partial) => {
    // Never hard links: the copies would write into the template.
    const args = process.platform === 'linux' ? ['-a', '--reflink=auto'] : ['-a'];
    requireSuccess('cp', await runProgram('cp', [...args, template, partial], { user: undefined }));
  });
}

/** Builds a cluster under a passing name and renames it. Losing the race for the name is no error. */
async function appear(
  home: ProcessHome,
  target: string,
  keep: Durability,
  build: (partial: string) => Promise<void>,
): Promise<void> {
  const partial = `${target}.partial-${process.pid}-${randomBytes(4).toString('hex')}`;
  try {
    await build(partial);
    if (keep === 'durable') await syncCluster(home, partial);
    renameSync(partial, target);
    if (keep === 'durable') syncDirectory(dirname(target));
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    if (!existsSync(target)) throw error;
  }
}

/** Without it a power failure soon after leaves empty files behind a name that says they are complete. */
async function syncCluster(home: ProcessHome, dataDirectory: string): Promise<void> {
  const args = ['--sync-only', '-D', dataDirectory];
  requireSuccess(
    'initdb --sync-only',
    await runProgram(join(home.binaries.binDir, 'initdb'), args, { user: home.user }),
  );
}

/** Brings the names in a directory to disk. */
export function syncDirectory(directory: string): void {
  const fd = openSync(directory, 'r');
  fsyncSync(fd);
  closeSync(fd);
}

function requireSuccess(what: string, { ok, output }: ProgramResult): void {
  if (!ok) throw new ComputeSetupError(`${what} failed: ${reasonIn(output)}`);
}
