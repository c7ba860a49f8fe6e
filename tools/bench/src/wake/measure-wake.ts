// How long a client waits for a sleeping endpoint, beside how long the same Postgres needs without pgwake. Both are measured
// in turn within one run, round by round, so that a machine that slows down slows down both.

import { System } from '@pgwake/testkit';
import type pg from 'pg';
import { findDirectLogin } from '../direct-login.ts';
import { collectRounds } from '../rounds.ts';
import { readCommand } from './bare-postgres.ts';
import { measureBareStart } from './bare-start.ts';
import { timeFirstRow } from './time-first-row.ts';

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

export const discardedRounds = 3;
/** Right after a wake wake-service still looks around in the compute; these logins are neither cold nor warm. */
export const settlingLogins = 3;
const discardedLogins = 30;

export async function measureWake({ rounds, onRound }: WakeOptions): Promise<WakeSamples> {
  const system = await System.start({ env: { PGWAKE_LOG_LEVEL: 'warn', PGWAKE_MAX_WAKES_PER_MINUTE: '0' } });
  try {
    const endpoint = await system.createEndpoint('bench', { idleSuspendAfterMs: 3_600_000 });
    const { config: direct, dataDirectory } = await findDirectLogin(system, endpoint);
    const viaPgwake = system.connectionConfig(endpoint);

    await timeFirstRow(viaPgwake); // makes the role in the compute, and shows how pgwake starts it
    for (let login = 0; login < discardedLogins; login++) {
      await timeFirstRow(direct);
      await timeFirstRow(viaPgwake);
    }
    const command = readCommand(dataDirectory);
    await system.admin('POST', '/endpoints/bench/suspend');

    return await collectRounds(
      Object.keys(wakeSeries) as (keyof WakeSamples)[],
      [() => measureBareStart(command, direct), () => measureWoken(system, viaPgwake, direct)],
      { rounds, discarded: discardedRounds, onRound },
    );
  } finally {
    await system.stop();
  }
}

async function measureWoken(
  system: System,
  viaPgwake: pg.ClientConfig,
  direct: pg.ClientConfig,
): Promise<Pick<Record<keyof WakeSamples, number>, 'sleepingFirstRow' | 'bareWarmLogin' | 'warmLogin'>> {
  const sleepingFirstRow = await timeFirstRow(viaPgwake);
  for (let login = 0; login < settlingLogins; login++) await timeFirstRow(viaPgwake);
  const bareWarmLogin = await timeFirstRow(direct);
  const warmLogin = await timeFirstRow(viaPgwake);
  await system.admin('POST', '/endpoints/bench/suspend');
  return { sleepingFirstRow, bareWarmLogin, warmLogin };
}
