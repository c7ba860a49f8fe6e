import type { ChildProcess } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import type pg from 'pg';
import { type BareCommand, startBare, stopBare } from './bare-postgres.ts';
import { timeFirstRow } from './time-first-row.ts';

/** Milliseconds from `spawn`. */
export interface BareStart {
  readonly bareReady: number;
  readonly bareFirstRow: number;
}

/** Starts the Postgres of a sleeping compute without pgwake, has a client read a row, and shuts it down again. */
export async function measureBareStart(command: BareCommand, direct: pg.ClientConfig): Promise<BareStart> {
  let postmaster: ChildProcess | undefined;
  try {
    const begunAt = performance.now();
    postmaster = await startBare(command);
    const bareReady = performance.now() - begunAt;
    return { bareReady, bareFirstRow: await timeFirstRow(direct, begunAt) };
  } finally {
    if (postmaster) await stopBare(postmaster);
  }
}
