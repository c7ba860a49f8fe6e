// How much memory a proxy needs for a session that does nothing.

import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { readMemory } from '../process-usage.ts';

/** Logins under way at once. */
const atOnce = 16;
/** What a runtime with a garbage collector takes back by itself soon after the logins is not counted. */
const settleMs = 3_000;

/** So many logins come and go before, otherwise the compiler of a runtime with one would be counted as sessions. */
const logins = 2_000;

/**
 * Bytes of resident memory for each further session of the process `pid`: between the half of the sessions and all of them, so
 * that neither what the first ones load nor room left over from others counts. `config` leads there.
 */
export async function measureIdleSessions(pid: number, config: pg.ClientConfig, sessions: number): Promise<number> {
  for (let count = 0; count < logins; count += atOnce) await comeAndGo(config);
  const clients: pg.Client[] = [];
  const holding = async (count: number): Promise<number> => {
    await open(config, clients, count);
    await sleep(settleMs);
    return readMemory(pid, 'VmRSS');
  };
  const half = Math.floor(sessions / 2);
  try {
    const before = await holding(half);
    return ((await holding(sessions)) - before) / (sessions - half);
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}

async function comeAndGo(config: pg.ClientConfig): Promise<void> {
  const clients: pg.Client[] = [];
  await open(config, clients, atOnce);
  await Promise.all(clients.map((client) => client.end()));
}

async function open(config: pg.ClientConfig, clients: pg.Client[], count: number): Promise<void> {
  const openOneAfterAnother = async (): Promise<void> => {
    while (clients.length < count) {
      const client = new pg.Client(config);
      client.on('error', () => undefined);
      clients.push(client);
      await client.connect();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, openOneAfterAnother));
}
