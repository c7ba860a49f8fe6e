// Corpora S and A against the built proxy: what each client is told, and what is left of the proxy afterwards.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { type Socket, connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type HostileClient, scramClients, startupClients, whole } from '@pgwake/hostile-bytes';
import { ensureCertificate } from '@pgwake/local-certificate';
import { System, type TestEndpoint, forEachAtOnce, playHostileClient } from '@pgwake/testkit';
import type pg from 'pg';
import { connect } from './clients.js';

/** What may be more after thousands of clients than before them, fragmentation and caches included. */
const maxGrowthKb = 20 * 1024;

let directory: string;
let system: System;
/** The one that hostile clients name. */
let victim: TestEndpoint;
let neighbour: pg.Client;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'pgwake-hostile-'));
  const { certFile, keyFile } = await ensureCertificate(directory, []);
  system = await System.start({
    // All wrong proofs of the corpus come from one network.
    env: { PGWAKE_PASSWORD_FORM: 'loopback', PGWAKE_MAX_FAILED_LOGINS: '0' },
    tcpProxies: [{}, { PGWAKE_TLS_CERT_FILE: certFile, PGWAKE_TLS_KEY_FILE: keyFile }],
  });
  victim = await system.createEndpoint('demo');
  neighbour = await connect(system, await system.createEndpoint('neighbour'));
}, 120_000);
afterAll(async () => {
  await neighbour?.end();
  await system?.stop();
  rmSync(directory, { recursive: true, force: true });
}, 60_000);

function connectPlain(): Socket {
  return connectSocket({ host: '127.0.0.1', port: system.connectionConfig(victim).port });
}

function connectEncrypted(): Socket {
  const { port } = system.connectionConfig(victim, 2);
  return connectTls({ host: '127.0.0.1', port, ALPNProtocols: ['postgresql'], rejectUnauthorized: false });
}

function residentKb(): number {
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(system.app('tcp-proxy').pid)], { encoding: 'utf8' }));
}

async function findSurprises(clients: readonly HostileClient[], connectIt = connectPlain): Promise<string[]> {
  const surprises: string[] = [];
  await forEachAtOnce(clients, async (client) => {
    const verdict = await playHostileClient(connectIt(), client, whole);
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

  it('tells each client of corpus S the same inside TLS', async () => {
    // A hello is what begins TLS; inside there is none to begin.
    const clients = startupClients.filter(({ name }) => name !== 'TLS ClientHello');
    expect(await findSurprises(clients, connectEncrypted)).toEqual([]);
    expect(system.logOf('tcp-proxy', 2)).toContain('"encrypted":true');
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
