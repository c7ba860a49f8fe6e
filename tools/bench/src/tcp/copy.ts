// COPY of a lot of wide rows with psql, out and in. Postgres makes them up and drops them again, so no disk takes part.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { TcpLoad } from './measure-tcp.ts';
import { type Account, type Peer, libpqEnv } from './peer.ts';

const rowBytes = 8_000; // with the line end
const rowsOf = (megabytes: number): number => Math.round((megabytes * 1e6) / rowBytes);

export function copyOut(peer: Peer, account: Account, megabytes: number): Promise<TcpLoad> {
  const sql = `copy (select repeat('x', ${rowBytes - 1}) from generate_series(1, ${rowsOf(megabytes)})) to stdout`;
  return time(peer, account, sql, megabytes, 'ignore');
}

/** The rows are parsed by Postgres, and none is kept. */
export async function copyIn(peer: Peer, account: Account, megabytes: number, directory: string): Promise<TcpLoad> {
  const file = openSync(writeRows(directory, megabytes), 'r');
  try {
    const sql = 'copy sink from stdin where false';
    return await time(peer, account, sql, megabytes, file);
  } finally {
    closeSync(file);
  }
}

export const createSink = 'create unlogged table if not exists sink (line text)';

async function time(
  peer: Peer,
  account: Account,
  sql: string,
  megabytes: number,
  input: 'ignore' | number,
): Promise<TcpLoad> {
  const begunAt = performance.now();
  const psql = spawn('psql', ['-X', '-q', '-c', sql], {
    env: libpqEnv(peer, account),
    stdio: [input, 'ignore', 'inherit'],
  });
  const [status] = (await once(psql, 'exit')) as [number | null];
  if (status !== 0) throw new Error(`psql through ${peer.name} ended with ${status}`);
  return { count: megabytes, perSecond: (megabytes * 1_000) / (performance.now() - begunAt) };
}

function writeRows(directory: string, megabytes: number): string {
  const path = join(directory, `rows-${megabytes}`);
  if (existsSync(path)) return path;
  const file = openSync(path, 'w');
  const block = Buffer.from(`${'x'.repeat(rowBytes - 1)}\n`.repeat(125)); // a megabyte
  for (let written = 0; written < megabytes; written++) writeSync(file, block);
  closeSync(file);
  return path;
}
