// How much memory a proxy needs for a session that does nothing.

import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { readMemory } from '../process-usage.ts';

/** Logins under way at once. */
const atOnce = 16;
/** What a runtime with a garbage collector takes back by itself soon after the logins is not counted. */
const settleMs = 3_000;

/** Bytes of resident memory per session of the process `pid`, over what it took before. `config` leads there. */
export async function measureIdleSessions(pid: number, config: pg.ClientConfig, sessions: number): Promise<number> {
  // The first sessions load code and grow pools that all later ones share.
  await hold(config, atOnce, () => Promise.resolve());
  let bytes = NaN;
  const before = readMemory(pid, 'VmRSS');
  await hold(config, sessions, async () => {
    await sleep(settleMs);
    bytes = readMemory(pid, 'VmRSS') - before;
  });
  return bytes / sessions;
}

async function hold(config: pg.ClientConfig, sessions: number, meanwhile: () => Promise<void>): Promise<void> {
  const clients: pg.Client[] = [];
  try {
    const open = async (): Promise<void> => {
      while (clients.length < sessions) {
        const client = new pg.Client(config);
        client.on('error', () => undefined);
        clients.push(client);
        await client.connect();
      }
    };
    await Promise.all(Array.from({ length: atOnce }, open));
    await meanwhile();
  } finally {
    await Promise.all(clients.map((client) => client.end()));
  }
}
