// How long a client waits for a sleeping endpoint, beside how long the same Postgres needs without pgwake. Both are measured
// in turn within one run, round by round, so that a machine that slows down slows down both.

import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { placeOf, prepareHome } from '@pgwake/compute-process';
import { System } from '@pgwake/testkit';
import pg from 'pg';
import { type BareCommand, readCommand, startBare, stopBare } from './bare-postgres.ts';

export const wakeSeries = {
  bareReady: 'Postgres alone: spawn to ready',
  bareFirstRow: 'Postgres alone: spawn to first row',
  sleepingFirstRow: 'pgwake, sleeping: connect to first row',
  bareWarmLogin: 'Postgres alone, running: connect to first row',
  warmLogin: 'pgwake, running: connect to first row',
} as const;

export type WakeSamples = Record<keyof typeof wakeSeries, number[]>;

export interface WakeOptions {
  readonly rounds: number;
  readonly onRound: (done: number) => void;
}

// The first rounds find cold caches in the machine, the first logins code that was not compiled yet.
const discardedRounds = 3;
const discardedLogins = 30;
const settlingLogins = 3;

export async function measureWake({ rounds, onRound }: WakeOptions): Promise<WakeSamples> {
  const system = await System.start({ env: { PGWAKE_LOG_LEVEL: 'warn', PGWAKE_MAX_WAKES_PER_MINUTE: '0' } });
  try {
    const endpoint = await system.createEndpoint('bench', { idleSuspendAfterMs: 3_600_000 });
    const { root } = await prepareHome({ dataDir: system.dataDir });
    const place = placeOf(join(root, 'computes', endpoint.endpoint));
    const viaPgwake = system.connectionConfig(endpoint);
    const { user, password, database } = viaPgwake;
    const direct = { host: place.socketDirectory, port: 5432, user, password, database };

    await timeFirstRow(viaPgwake); // makes the role in the compute, and shows how pgwake starts it
    for (let login = 0; login < discardedLogins; login++) {
      await timeFirstRow(direct);
      await timeFirstRow(viaPgwake);
    }
    const command = readCommand(place.dataDirectory);
    await system.admin('POST', '/endpoints/bench/suspend');

    const samples: WakeSamples = {
      bareReady: [],
      bareFirstRow: [],
      sleepingFirstRow: [],
      bareWarmLogin: [],
      warmLogin: [],
    };
    for (let round = -discardedRounds; round < rounds; round++) {
      const bare = (): Promise<Partial<Round>> => measureBare(command, direct);
      const woken = (): Promise<Partial<Round>> => measureWoken(system, viaPgwake, direct);
      // Who comes first changes, so that neither always runs in the wake of the other.
      const halves = round % 2 === 0 ? [bare, woken] : [woken, bare];
      for (const half of halves) {
        const values = await half();
        if (round < 0) continue;
        for (const [name, value] of Object.entries(values)) samples[name as keyof WakeSamples].push(value);
      }
      if (round >= 0) onRound(round + 1);
    }
    return samples;
  } finally {
    await system.stop();
  }
}

type Round = Record<keyof WakeSamples, number>;

async function measureBare(command: BareCommand, direct: pg.ClientConfig): Promise<Partial<Round>> {
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

async function measureWoken(
  system: System,
  viaPgwake: pg.ClientConfig,
  direct: pg.ClientConfig,
): Promise<Partial<Round>> {
  const sleepingFirstRow = await timeFirstRow(viaPgwake);
  // Right after a wake wake-service still looks around in the compute; those logins are neither cold nor warm.
  for (let login = 0; login < settlingLogins; login++) await timeFirstRow(viaPgwake);
  const bareWarmLogin = await timeFirstRow(direct);
  const warmLogin = await timeFirstRow(viaPgwake);
  await system.admin('POST', '/endpoints/bench/suspend');
  return { sleepingFirstRow, bareWarmLogin, warmLogin };
}

/** Milliseconds from `begunAt` until a new client has read the row of `SELECT 1`. The client is closed before it returns. */
async function timeFirstRow(config: pg.ClientConfig, begunAt = performance.now()): Promise<number> {
  const client = new pg.Client(config);
  try {
    await client.connect();
    await client.query('SELECT 1');
    return performance.now() - begunAt;
  } finally {
    await client.end();
  }
}
