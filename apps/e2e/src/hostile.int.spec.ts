// Corpora S and A against the built proxy: what each client is told, and what is left of the proxy afterwards.

import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type HostileClient, scramClients, startupClients, whole } from '@pgwake/hostile-bytes';
import { System, type TestEndpoint, forEachAtOnce, playHostileClient } from '@pgwake/testkit';
import type pg from 'pg';
import { connect } from './clients.js';

/** What may be more after thousands of clients than before them, fragmentation and caches included. */
const maxGrowthKb = 20 * 1024;

let system: System;
/** The one that hostile clients name. */
let victim: TestEndpoint;
let neighbour: pg.Client;

beforeAll(async () => {
  // All wrong proofs of the corpus come from one network.
  system = await System.start({ env: { PGWAKE_PASSWORD_FORM: 'loopback', PGWAKE_MAX_FAILED_LOGINS: '0' } });
  victim = await system.createEndpoint('demo');
  neighbour = await connect(system, await system.createEndpoint('neighbour'));
}, 120_000);
afterAll(async () => {
  await neighbour?.end();
  await system?.stop();
}, 60_000);

const proxyPort = (): number => system.connectionConfig(victim).port;

function residentKb(): number {
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(system.app('tcp-proxy').pid)], { encoding: 'utf8' }));
}

async function findSurprises(clients: readonly HostileClient[]): Promise<string[]> {
  const surprises: string[] = [];
  await forEachAtOnce(clients, async (client) => {
    const verdict = await playHostileClient(proxyPort(), client, whole);
    if (verdict !== client.expected) surprises.push(`${client.name}: ${verdict}, not ${client.expected}`);
  });
  return surprises;
}

/** One query after the other until told to stop; gives how many were answered. */
function keepAsking(client: pg.Client): { stop(): Promise<number> } {
  let stopped = false;
  const asking = (async () => {
    for (let asked = 0; ; asked += 1) {
      if (stopped) return asked;
      const { rows } = await client.query<{ asked: number }>('select $1::int as asked', [asked]);
      expect(rows).toEqual([{ asked }]);
    }
  })();
  return {
    stop: () => {
      stopped = true;
      return asking;
    },
  };
}

describe('the built proxy', () => {
  it('tells each client of corpora S and A what the corpus says, and wakes nothing for them', async () => {
    const asking = keepAsking(neighbour);
    expect(await findSurprises([...startupClients, ...scramClients])).toEqual([]);
    expect(await asking.stop()).toBeGreaterThan(0);
    expect(await system.show('demo')).toMatchObject({ state: 'suspended', generation: 0 });
    expect(system.logOf('tcp-proxy')).not.toContain('INTERNAL');
  });

  it('has no more in memory after thousands of them, and serves its neighbour all the while', async () => {
    const round = () => findSurprises(startupClients);
    for (let warmUp = 0; warmUp < 10; warmUp += 1) await round();
    const before = residentKb();
    const asking = keepAsking(neighbour);
    for (let rounds = 0; rounds < 20; rounds += 1) expect(await round()).toEqual([]);
    expect(await asking.stop()).toBeGreaterThan(100);
    expect(residentKb() - before).toBeLessThan(maxGrowthKb);
    expect(await system.app('tcp-proxy').metrics()).toMatch(/^pgwake_open_sessions\S* 1$/m);
  });
});
