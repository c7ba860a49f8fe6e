// Computes that owe an answer and say nothing. Those that are gone are found out by asking their address; those that are only
// slow are left alone.

import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { type ScriptedPostgres, startBlackHole, startScriptedPostgres, steps, waitFor } from '@pgwake/testkit';
import pg from 'pg';
import { graceMs } from './fault.js';
import { Gateway } from './gateway.js';
import { mayHaveNamespace, playInNamespace } from './in-namespace.js';
import { portOf } from './probes.js';
import type { VanishedCompute } from './vanished-compute.js';
import { World, nodeAt } from './world.js';

const silenceMs = 1_000;
/** Of a probe whose packets are dropped. */
const probeLimitMs = 5_000;
/** A silence, two probes, and a look of the watch before each. */
const longestMs = silenceMs * 1.5 + 2 * probeLimitMs + graceMs;
const unknownOutcome = 'the connection to the database was lost; whether the query took effect is unknown';

let gateway: Gateway;
let world: World;

beforeAll(async () => {
  gateway = await Gateway.start({ PGWAKE_COMPUTE_SILENCE_MS: String(silenceMs) });
});
afterAll(() => gateway?.stop());
beforeEach(() => {
  world = new World(gateway);
});
afterEach(() => world.end());

/** It answers everything but `select slowly`, which it begins and never ends. Who only asks for a sign of life gets it. */
async function startCompute(): Promise<ScriptedPostgres> {
  const clusterName = world.nameOf(1);
  const answer = (sql: string) => (sql === 'select slowly' ? new Uint8Array(0) : steps.encodeRow('by', clusterName));
  const compute = await startScriptedPostgres({
    scripts: [steps.serve({ verifier: gateway.wake.verifier, clusterName, answer })],
  });
  world.atEnd(() => compute.stop().catch(() => undefined));
  world.wakes(nodeAt(compute, 1));
  return compute;
}

async function connect(): Promise<pg.Client> {
  const client = new pg.Client(gateway.connectionConfig(world.endpoint));
  client.on('error', () => undefined);
  await client.connect();
  world.atEnd(() => client.end());
  return client;
}

async function countProbes(result: string): Promise<number> {
  const line = new RegExp(`^pgwake_compute_probes_total\\{[^}]*result="${result}"[^}]*\\} (\\d+)$`, 'm');
  return Number(line.exec(await gateway.metrics())?.[1] ?? 0);
}

it('a query at a compute that is gone ends with 08007, and its idle neighbour stays', async () => {
  const compute = await startCompute();
  const busy = await connect();
  const idle = await connect();
  expect((await busy.query('select who is there')).rows).toEqual([{ by: world.nameOf(1) }]);
  const silentBefore = await countProbes('silent');

  const from = performance.now();
  const lost = busy.query('select slowly').then(
    () => 'answered',
    (error: unknown) => error,
  );
  await waitFor(() => compute.seen.queries.includes('select slowly'), 2_000);
  await compute.refuse();
  const hole = await startBlackHole(portOf(compute));
  world.atEnd(hole.stop);
  expect(await lost).toMatchObject({ code: '08007', severity: 'FATAL', message: unknownOutcome });
  const tookMs = performance.now() - from;
  expect(tookMs).toBeGreaterThan(silenceMs + 2 * probeLimitMs);
  expect(tookMs).toBeLessThan(longestMs);
  expect(await countProbes('silent')).toBe(silentBefore + 2);
  // Nothing is due there, so nobody asked.
  expect((await idle.query('select who is there')).rows).toEqual([{ by: world.nameOf(1) }]);
  await waitFor(
    () =>
      gateway.log.some(
        ({ msg, endedBy, cause, endpoint }) =>
          msg === 'session ended' &&
          endedBy === 'compute' &&
          endpoint === world.endpoint &&
          String(cause).startsWith('no sign of life from the compute'),
      ),
    2_000,
  );
}, 30_000);

it('a query at a compute that refuses connections by now ends sooner', async () => {
  const compute = await startCompute();
  const busy = await connect();
  const from = performance.now();
  const lost = busy.query('select slowly').catch((error: unknown) => error);
  await waitFor(() => compute.seen.queries.includes('select slowly'), 2_000);
  await compute.refuse();
  expect(await lost).toMatchObject({ code: '08007' });
  expect(performance.now() - from).toBeGreaterThan(silenceMs);
  expect(performance.now() - from).toBeLessThan(silenceMs * 1.5 + graceMs);
});

it('a query at a compute that lives may take as long as it likes', async () => {
  const compute = await startCompute();
  const client = await connect();
  const aliveBefore = await countProbes('alive');
  let isOver = false;
  const query = client.query('select slowly').then(
    () => (isOver = true),
    () => (isOver = true),
  );
  await waitFor(async () => (await countProbes('alive')) >= aliveBefore + 3, 10 * silenceMs);
  expect(isOver).toBe(false);
  expect(compute.seen.logins).toBe(1);
  await compute.stop();
  await query;
});

(mayHaveNamespace() ? it : it.skip)(
  'a query at a compute whose packets are dropped ends with 08007, long before the kernel gives up',
  async () => {
    const { before, told, tookMs, repeatedPackets, metrics } = (await playInNamespace(
      'vanished-compute.js',
    )) as VanishedCompute;
    expect(before).toEqual([{ by: expect.stringMatching(/^pgwake\//) }]);
    expect(repeatedPackets).toBeGreaterThanOrEqual(3);
    expect(told).toEqual({ code: '08007', message: unknownOutcome });
    expect(tookMs).toBeGreaterThan(silenceMs + 2 * probeLimitMs);
    expect(tookMs).toBeLessThan(longestMs);
    expect(metrics).toMatch(/^pgwake_compute_probes_total\{[^}]*result="silent"[^}]*\} 2$/m);
  },
  30_000,
);
