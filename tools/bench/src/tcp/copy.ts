// COPY of a lot of wide rows with psql, out and in. Postgres makes them up and drops them again, so no disk takes part; and in
// the binary format, because looking for characters to escape would keep Postgres busier than any proxy.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { TcpLoad } from './measure-tcp.ts';
import { type Account, type Peer, libpqEnv } from './peer.ts';

const valueBytes = 8_000;
const rowsOf = (megabytes: number): number => Math.round((megabytes * 1e6) / valueBytes);

export function copyOut(peer: Peer, account: Account, megabytes: number): Promise<TcpLoad> {
  const rows = `select repeat('x', ${valueBytes}) from generate_series(1, ${rowsOf(megabytes)})`;
  const sql = `copy (${rows}) to stdout (format binary)`;
  return time(peer, account, sql, megabytes, 'ignore');
}

/** Postgres makes rows of them, and keeps none. */
export async function copyIn(peer: Peer, account: Account, megabytes: number, directory: string): Promise<TcpLoad> {
  const file = openSync(writeRows(directory, megabytes), 'r');
  try {
    const sql = 'copy sink from stdin (format binary) where false';
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

/** https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format" */
function writeRows(directory: string, megabytes: number): string {
  const path = join(directory, `rows-${megabytes}`);
  if (existsSync(path)) return path;
  const header = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)]);
  const row = Buffer.alloc(6 + valueBytes, 'x');
  row.writeInt16BE(1); // columns
  row.writeInt32BE(valueBytes, 2);
  const end = Buffer.from([0xff, 0xff]);

  const file = openSync(path, 'w');
  writeSync(file, header);
  const rowsAtOnce = 125;
  const block = Buffer.concat(Array.from({ length: rowsAtOnce }, () => row));
  for (let rows = 0; rows < rowsOf(megabytes); rows += rowsAtOnce) writeSync(file, block);
  writeSync(file, end);
  closeSync(file);
  return path;
}
