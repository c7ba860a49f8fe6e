// The same Postgres without pgwake: the exact command line, environment, account and data directory of a compute, started
// by nothing but `spawn`. Linux only, because it reads them from /proc.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type FSWatcher, readFileSync, watch } from 'node:fs';
import { join } from 'node:path';

export interface BareCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly uid: number;
  readonly gid: number;
  readonly dataDirectory: string;
}

/** How the postmaster that runs in `dataDirectory` now was started. */
export function readCommand(dataDirectory: string): BareCommand {
  const pid = readPostmasterFile(dataDirectory)[0];
  const read = (name: string): string => readFileSync(`/proc/${pid}/${name}`, 'latin1');
  const [file = '', ...args] = read('cmdline').split('\0').slice(0, -1);
  const env = Object.fromEntries(
    read('environ')
      .split('\0')
      .filter((line) => line.includes('='))
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  const idOf = (name: string): number => Number(new RegExp(`^${name}:\\t(\\d+)`, 'm').exec(read('status'))?.[1]);
  return { file, args, env, uid: idOf('Uid'), gid: idOf('Gid'), dataDirectory };
}

/** Resolves at the moment that Postgres says it is ready. */
export async function startBare(command: BareCommand): Promise<ChildProcess> {
  const { file, args, env, uid, gid, dataDirectory } = command;
  const child = spawn(file, args, { env, uid, gid, cwd: dataDirectory, detached: true, stdio: 'ignore' });
  // In the same turn, long before the child can say anything.
  let watcher: FSWatcher | undefined;
  const ready = new Promise<void>((resolve) => {
    watcher = watch(dataDirectory, (_event, name) => {
      if (name !== 'postmaster.pid') return;
      const lines = readPostmasterFile(dataDirectory);
      if (lines[7] === 'ready' && lines[0] === String(child.pid)) resolve();
    });
  });
  const ended = once(child, 'exit').then(() => {
    throw new Error('Postgres ended at its start');
  });
  ended.catch(() => undefined); // it ends later too, on request
  try {
    await Promise.race([ready, ended]);
    return child;
  } finally {
    watcher?.close();
  }
}

/** A clean shutdown, as pgwake does it. */
export async function stopBare(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGINT');
  await exited;
}

function readPostmasterFile(dataDirectory: string): string[] {
  try {
    return readFileSync(join(dataDirectory, 'postmaster.pid'), 'utf8')
      .split('\n')
      .map((line) => line.trim());
  } catch {
    return [];
  }
}
