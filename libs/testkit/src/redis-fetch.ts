// Fetches a redis-server for tests into a cache folder, on Debian and its kin: apt downloads the packages and dpkg unpacks
// them there. It needs no root and leaves the system's package lists alone. No other source is tried.

import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { withMachineLock } from './machine-lock.js';

export interface RedisBinary {
  readonly path: string;
  /** To be added to its environment. */
  readonly env: Readonly<Record<string, string>>;
}

const run = promisify(execFile);

// redis-server with the libraries that a machine without it may lack.
const packages = [
  'redis-server',
  'redis-tools',
  'libatomic1',
  'libjemalloc2',
  'liblua5.1-0',
  'liblzf1',
  'lua-bitop',
  'lua-cjson',
];
const limitMs = 60_000;
const failureFile = 'failed';
/** How long a failure keeps others from trying again: every suite would wait out the limit on a machine without network. */
const failureLastsMs = 10 * 60_000;

/** `undefined` when it cannot be had. */
export async function fetchRedis(): Promise<RedisBinary | undefined> {
  if (process.platform !== 'linux') return undefined;
  const cache = makeCacheFolder();
  const unpacked = join(cache, 'redis');
  const failure = join(cache, failureFile);
  const isSettled = () => existsSync(unpacked) || ageMsOf(failure) < failureLastsMs;
  if (!isSettled()) {
    const signal = AbortSignal.timeout(limitMs);
    try {
      await withMachineLock(basename(cache), signal, async () => {
        if (!isSettled()) await unpackInto(unpacked, signal);
      });
    } catch (error) {
      writeFileSync(failure, String(error));
    }
  }
  return existsSync(unpacked) ? binaryIn(unpacked) : undefined;
}

/** What went wrong in the attempt that {@link fetchRedis} gave nothing for. */
export function describeFetchFailure(): string {
  const failure = join(makeCacheFolder(), failureFile);
  return existsSync(failure) ? readFileSync(failure, 'utf8') : 'it is fetched on Debian only';
}

/** In the temporary directory, so that it outlives an `npm ci`. Throws when it belongs to somebody else: programs in it are run. */
export function makeCacheFolder(): string {
  const uid = process.getuid?.() ?? 0;
  const cache = join(tmpdir(), `pgwake-redis-${uid}`);
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  if (statSync(cache).uid !== uid) throw new Error(`${cache} belongs to somebody else`);
  return cache;
}

function ageMsOf(file: string): number {
  const { mtimeMs } = statSync(file, { throwIfNoEntry: false }) ?? { mtimeMs: 0 };
  return Date.now() - mtimeMs;
}

/** `directory` holds a redis-server that was seen to run, or does not exist. */
async function unpackInto(directory: string, signal: AbortSignal): Promise<void> {
  const partial = `${directory}.partial`;
  rmSync(partial, { recursive: true, force: true });
  const make = (name: string): string => {
    mkdirSync(join(partial, name), { recursive: true });
    return join(partial, name);
  };
  const downloads = make('downloads');
  const root = make('root');
  const options = [
    `Dir::State::Lists=${make('lists')}`,
    `Dir::Cache=${make('cache')}`,
    'APT::Sandbox::User=root', // its usual user may not enter here
  ].flatMap((option) => ['-o', option]);
  const apt = (...args: string[]) => run('apt-get', ['-qq', ...options, ...args], { cwd: downloads, signal });
  await apt('update');
  await apt('download', ...packages);
  for (const name of readdirSync(downloads)) await run('dpkg-deb', ['-x', join(downloads, name), root], { signal });
  const { path, env } = binaryIn(root);
  await run(path, ['--version'], { env: { ...process.env, ...env }, signal });
  renameSync(root, directory);
  rmSync(partial, { recursive: true, force: true });
}

function binaryIn(root: string): RedisBinary {
  const libraries = join(root, 'usr/lib');
  // Debian's multiarch directory, such as x86_64-linux-gnu.
  const directories = readdirSync(libraries).filter((name) => name.includes('-linux-'));
  const env = { LD_LIBRARY_PATH: directories.map((name) => join(libraries, name)).join(':') };
  return { path: join(root, 'usr/bin/redis-server'), env };
}
