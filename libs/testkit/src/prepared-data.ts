// The data directory of a wake-service that was started once and ended cleanly: initdb, the catalog's tables and the template
// of computes are in it. Made once per machine and build; every System begins with a copy.
// What the first start of all does is not tested with it: see start.int.spec.ts of the end-to-end tests.
//
//   prepared/<key>/data           as wake-service left it, with its owners and modes
//   prepared/<key>/entries        how many files and directories that is; a cleaner of temporary files takes some of them
//   prepared/<key>.partial-<pid>  being made

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type ProcessHome, identifyProcess } from '@pgwake/compute-process';
import { findFreePortSettings } from './free-port-settings.js';
import { withMachineLock } from './machine-lock.js';
import { SystemApp } from './system-app.js';

const run = promisify(execFile);
const limitMs = 120_000;
/** A key that nobody used for so long is of a build that is gone. Longer than any test run: it may still need its key. */
const keptUnusedMs = 60 * 60_000;

/**
 * Fills the empty directory `target`, which lies beside the home. It stays empty where the database user may not enter it:
 * the databases will live elsewhere then, and the copies would all point to the same ones.
 */
export async function copyPreparedData(home: ProcessHome, target: string): Promise<void> {
  if (dirname(home.root) !== realpathSync(dirname(target))) return;
  const data = join(await ensurePreparedData(home), 'data');
  for (const name of readdirSync(data)) {
    // Nobody writes into a template, so a System needs no bytes of its own for it.
    const how =
      name === 'templates' ? ['-l'] : process.platform === 'linux' ? ['--reflink=auto', '--sparse=always'] : [];
    await run('cp', ['-a', ...how, join(data, name), target]);
  }
}

/** The directory of what is prepared for the present build, made when it is missing or not whole. */
export async function ensurePreparedData(home: ProcessHome): Promise<string> {
  const area = join(home.root, 'prepared');
  const prepared = join(area, keyOf(home));
  if (!isWhole(prepared)) {
    await withMachineLock(area, AbortSignal.timeout(limitMs), async () => {
      if (isWhole(prepared)) return;
      mkdirSync(area, { recursive: true, mode: 0o711 });
      sweep(area);
      await make(prepared);
    });
  }
  utimesSync(prepared, new Date(), new Date()); // in use
  return prepared;
}

// What the data depends on: which user, how clusters are made, which tables there are, and in what order they come about.
const sources = ['apps/wake-service/dist', 'libs/compute-process/dist', 'libs/catalog/dist', 'libs/catalog/migrations'];

function keyOf({ binaries, user }: ProcessHome): string {
  const root = fileURLToPath(new URL('../../..', import.meta.url));
  const hash = createHash('sha256').update(
    JSON.stringify([binaries.version, process.env.PGWAKE_POSTGRES_BIN_DIR, user]),
  );
  for (const file of sources.flatMap((source) => globSync(`${source}/**/*.{js,sql}`, { cwd: root })).sort()) {
    hash.update(JSON.stringify([file, readFileSync(join(root, file), 'utf8')]));
  }
  return `${binaries.version}-${hash.digest('hex').slice(0, 12)}`;
}

function isWhole(prepared: string): boolean {
  const entries = join(prepared, 'entries');
  return existsSync(entries) && readFileSync(entries, 'utf8') === countEntries(prepared);
}

function countEntries(directory: string): string {
  return String(readdirSync(join(directory, 'data'), { recursive: true }).length);
}

async function make(prepared: string): Promise<void> {
  const partial = `${prepared}.partial-${process.pid}`;
  const dataDir = join(partial, 'data');
  mkdirSync(dataDir, { recursive: true, mode: 0o711 });
  try {
    const ports = await findFreePortSettings();
    const app = new SystemApp({
      name: 'wake-service',
      settings: { ...ports, PGWAKE_DATA_DIR: dataDir },
      opsPort: ports.PGWAKE_WAKE_OPS_PORT,
      logFile: join(partial, 'wake-service.log'),
    });
    try {
      await app.start();
    } finally {
      await app.end('SIGTERM');
    }
    if (globSync('**/postmaster.pid', { cwd: dataDir }).length > 0) {
      throw new Error(`wake-service did not end cleanly: ${app.log.slice(-2_000)}`);
    }
    writeFileSync(join(partial, 'entries'), countEntries(partial));
    rmSync(prepared, { recursive: true, force: true });
    renameSync(partial, prepared);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

/** Removes what other builds needed, and what killed makers left. */
function sweep(area: string): void {
  for (const name of readdirSync(area)) {
    const path = join(area, name);
    const maker = /\.partial-(\d+)$/.exec(name)?.[1];
    const isOver =
      maker === undefined
        ? statSync(path).mtimeMs < Date.now() - keptUnusedMs
        : identifyProcess(Number(maker)) === undefined;
    if (isOver) rmSync(path, { recursive: true, force: true });
  }
}
