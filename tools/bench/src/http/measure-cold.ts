// How long a request waits for a sleeping endpoint, beside how long the same Postgres needs without pgwake.

import { performance } from 'node:perf_hooks';
import { System } from '@pgwake/testkit';
import { findDirectLogin } from '../direct-login.ts';
import { collectRounds } from '../rounds.ts';
import { readCommand } from '../wake/bare-postgres.ts';
import { measureBareStart } from '../wake/bare-start.ts';
import { discardedRounds, settlingLogins } from '../wake/measure-wake.ts';
import { timeFirstRow } from '../wake/time-first-row.ts';
import { captureDriverRequests } from './driver-requests.ts';
import { learnAnswers } from './first-answers.ts';
import { ask, createClient, requireAnswer } from './http-client.ts';
import type { CheckedRequest } from './http-load.ts';

export const coldSeries = {
  bareReady: 'Postgres alone: spawn to ready',
  bareFirstRow: 'Postgres alone: spawn to first row',
  sleepingAnswer: 'pgwake, sleeping: connect to answer of POST /sql',
  warmAnswer: 'pgwake, running: connect to answer of POST /sql',
} as const;

/** Milliseconds. */
export type ColdSamples = Readonly<Record<keyof typeof coldSeries, readonly number[]>>;

export interface ColdOptions {
  readonly rounds: number;
  readonly onRound: (done: number) => void;
}

const discardedRequests = 30;

export async function measureCold({ rounds, onRound }: ColdOptions): Promise<ColdSamples> {
  const system = await System.start({
    env: { PGWAKE_LOG_LEVEL: 'warn', PGWAKE_MAX_WAKES_PER_MINUTE: '0' },
    tcpProxies: [],
    httpProxies: [{}],
  });
  try {
    const endpoint = await system.createEndpoint('bench', { idleSuspendAfterMs: 3_600_000 });
    const { config: direct, dataDirectory } = await findDirectLogin(system, endpoint);
    const origin = system.httpUrl();
    const requests = await captureDriverRequests(system.connectionString(endpoint), 'SELECT 1', [[]]);
    const [request] = (await learnAnswers(origin, requests)).requests;
    if (request === undefined) throw new Error('the driver sent nothing');
    for (let count = 0; count < discardedRequests; count++) {
      await timeFirstRow(direct);
      await timeAnswer(origin, request);
    }
    const command = readCommand(dataDirectory);
    const suspend = () => system.admin('POST', '/endpoints/bench/suspend');
    await suspend();
    const measureWoken = async () => {
      const sleepingAnswer = await timeAnswer(origin, request);
      for (let count = 0; count < settlingLogins; count++) await timeAnswer(origin, request);
      const warmAnswer = await timeAnswer(origin, request);
      await suspend();
      return { sleepingAnswer, warmAnswer };
    };
    return await collectRounds(
      Object.keys(coldSeries) as (keyof ColdSamples)[],
      [() => measureBareStart(command, direct), measureWoken],
      { rounds, discarded: discardedRounds, onRound },
    );
  } finally {
    await system.stop();
  }
}

/** On a new connection, with the time that it takes to make it. */
async function timeAnswer(origin: string, request: CheckedRequest): Promise<number> {
  const begunAt = performance.now();
  const client = createClient(origin);
  try {
    const answer = await ask(client, request);
    const tookMs = performance.now() - begunAt;
    requireAnswer(answer, request.expected);
    return tookMs;
  } finally {
    await client.destroy();
  }
}
