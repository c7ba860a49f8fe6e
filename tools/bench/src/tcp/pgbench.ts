// Runs pgbench, which is in C and takes little of the machine, and reads what it says.

import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readCpuSeconds } from '../process-usage.ts';
import { summarise } from '../statistics.ts';
import type { MeasuredLoad } from './measure-tcp.ts';
import { type Account, type Peer, libpqEnv } from './peer.ts';
import { SteadyCpu } from './steady-cpu.ts';

const run = promisify(execFile);

export const protocols = ['simple', 'extended', 'prepared'] as const;
export type Protocol = (typeof protocols)[number];

/** A small pgbench database: whatever is slow, it is not the disk. */
const scale = 5;
/** Times of single transactions are logged for one in ten: writing all would be work beside the work measured. */
const sampledShare = 0.1;

export interface PgbenchOptions {
  readonly protocol: Protocol;
  readonly clients: number;
  readonly seconds: number;
  /** A new connection for every transaction. */
  readonly reconnect?: boolean;
  readonly encrypted?: boolean;
  /** File with the script of a transaction. Default: the one SELECT that pgbench brings along. */
  readonly scriptFile?: string;
}

export async function fillPgbench(peer: Peer, account: Account): Promise<void> {
  await run('pgbench', ['-i', '-q', '-s', String(scale)], { env: libpqEnv(peer, account) });
}

/**
 * Rejects when a client failed: a rate of those that are left would compare with nothing. The CPU of a transaction is that of the
 * peer's process, logins left out; where every transaction is a login it is for the caller to say.
 */
export async function runPgbench(
  peer: Peer,
  account: Account,
  directory: string,
  { protocol, clients, seconds, reconnect = false, encrypted = false, scriptFile }: PgbenchOptions,
): Promise<MeasuredLoad> {
  const logs = mkdtempSync(join(directory, 'pgbench-'));
  const script = scriptFile === undefined ? ['-S'] : ['-f', scriptFile];
  const args = ['-n', ...script, '-M', protocol, '-c', String(clients), '-T', String(seconds)];
  const logging = ['-l', `--log-prefix=${join(logs, 'log')}`, `--sampling-rate=${sampledShare}`];
  try {
    const env = libpqEnv(peer, account, encrypted);
    const running = run('pgbench', [...args, ...(reconnect ? ['-C'] : [...logging, '-P', '1'])], { env });
    const { pid } = peer;
    const cpu = pid === undefined ? undefined : new SteadyCpu(() => readCpuSeconds(pid));
    running.child.stderr?.on('data', (text: string) => cpu?.take(text));
    const { stdout, stderr } = await running;
    if (stderr.includes('aborted')) throw new Error(`pgbench through ${peer.name}: ${stderr}`);
    return { ...parsePgbench(stdout), ...(reconnect ? {} : { ...summariseLogs(logs), cpuUs: cpu?.usPerTransaction }) };
  } finally {
    rmSync(logs, { recursive: true });
  }
}

export function parsePgbench(output: string): { readonly count: number; readonly perSecond: number } {
  const count = Number(/^number of transactions actually processed: (\d+)/m.exec(output)?.[1]);
  const perSecond = Number(/^tps = ([\d.]+)/m.exec(output)?.[1]);
  if (!(count > 0 && perSecond > 0)) throw new Error(`pgbench did not say what it did: ${output}`);
  return { count, perSecond };
}

/** The third column is the time of the transaction in microseconds. */
function summariseLogs(directory: string): { readonly p50Ms?: number; readonly p99Ms?: number } {
  const timesMs = readdirSync(directory).flatMap((name) =>
    readFileSync(join(directory, name), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => Number(line.split(' ')[2]) / 1_000),
  );
  if (timesMs.length === 0) return {};
  const { medianMs, p99Ms } = summarise(timesMs);
  return { p50Ms: medianMs, p99Ms };
}
