// One wake, whatever the number of clients and proxies. Redis and a second wake-service must not change that: Redis decides
// nothing, and between wake-services the catalog does. Clients that leave once they have their row meet a compute with the
// default max_connections, which is far less than there are clients.

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  Storm,
  type StormOptions,
  System,
  type SystemApp,
  type SystemOptions,
  type TestEndpoint,
  type TestRedis,
  skipWithoutRedis,
  startTestRedis,
} from '@pgwake/testkit';
import pg from 'pg';
import { query } from './clients.js';

const clients = 1_000;
const proxyNumbers = [1, 2, 3];
const limitMs = 120_000;
const describeWithRedis = await skipWithoutRedis(describe);

let system: System;
let storm: Storm | undefined;

afterEach(async () => {
  await storm?.end();
  storm = undefined;
}, limitMs);
afterAll(() => system?.stop(), limitMs);

async function startSystem({ env, ...options }: SystemOptions): Promise<void> {
  await system?.stop();
  system = await System.start({
    ...options,
    tcpProxies: proxyNumbers.map(() => ({})),
    // Clients, proxies and backends share two cores with the tests beside them, and then take up to 20 s. This is about who
    // fails, not about how long it takes, so the limits leave room.
    env: { PGWAKE_LOGIN_TIMEOUT_MS: '60000', PGWAKE_CONNECT_TIMEOUT_MS: '60000', ...env },
  });
}

function startStorm(endpoint: TestEndpoint, options: Partial<StormOptions> = {}): Storm {
  const via = proxyNumbers.map((number) => system.connectionConfig(endpoint, number));
  return (storm = new Storm({ clients, via, ...options }));
}

async function queryThrough(proxyNumber: number, endpoint: TestEndpoint): Promise<void> {
  const client = new pg.Client(system.connectionConfig(endpoint, proxyNumber));
  await client.connect();
  await client.query('select 1');
  await client.end();
}

/** Every client has its own row, from the first and only generation. */
async function expectOneStart(id: string, { outcomes }: Storm): Promise<void> {
  expect(outcomes.filter(({ result }) => !result.ok)).toEqual([]);
  expect(new Set(outcomes.map(({ number }) => number)).size).toBe(clients);
  const computes = new Set(outcomes.map(({ result }) => result.ok && result.computeName));
  expect(computes).toEqual(new Set([`pgwake/${id}/1`]));
  expect(await system.show(id)).toMatchObject({ state: 'running', generation: 1 });
  expect(await system.admin('GET', `/endpoints/${id}/wakes`)).toMatchObject([{ generation: 1, outcome: 'started' }]);
}

/** Over all lines of a metric that have this label; every line has the label `app`. */
async function sumOf(app: SystemApp, metric: string, label = 'app='): Promise<number> {
  return (await app.metrics())
    .split('\n')
    .filter((line) => line.startsWith(`${metric}{`) && line.includes(label))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
}

describe('1,000 clients over three proxies and two wake-services', () => {
  beforeAll(() => startSystem({ wakeServices: 2 }), limitMs);

  it(
    'start a sleeping endpoint once',
    async () => {
      const crowd = startStorm(await system.createEndpoint('crowd'));
      await crowd.over;
      await expectOneStart('crowd', crowd);
      const [first = NaN, second = NaN] = await Promise.all(
        system.wakeServices.map((app) => sumOf(app, 'pgwake_wakes_total')),
      );
      expect(Math.min(first, second)).toBeGreaterThan(0);
    },
    limitMs,
  );
});

describe('1,000 clients over three proxies, at a compute with room for them all', () => {
  beforeAll(() => startSystem({ env: { PGWAKE_COMPUTE_MAX_CONNECTIONS: String(clients + 50) } }), limitMs);

  it(
    'start a sleeping endpoint once, and may all stay',
    async () => {
      const endpoint = await system.createEndpoint('house');
      const crowd = startStorm(endpoint, { thenThey: 'stay' });
      await crowd.over;
      await expectOneStart('house', crowd);
      const others = `select count(*)::int as held from pg_stat_activity
                    where usename = current_user and pid <> pg_backend_pid()`;
      expect(await query(system, endpoint, others)).toEqual([{ held: clients }]);
    },
    limitMs,
  );
});

describeWithRedis('with Redis, 1,000 clients over three proxies', () => {
  let redis: TestRedis;

  beforeAll(async () => {
    redis = await startTestRedis();
    await startSystem({
      redisUrl: redis.url,
      env: {
        // A proxy remembers for a millisecond, and then asks Redis again.
        PGWAKE_NODE_CACHE_MEMORY_MAX_AGE_MS: '1',
        // A crowd of logins keeps a proxy busy for longer than the default; only the kill is to make Redis unavailable.
        PGWAKE_REDIS_CALL_TIMEOUT_MS: '1000',
      },
    });
  }, limitMs);
  afterAll(() => redis?.stop());

  async function readsOfRedis(outcome: string): Promise<number> {
    const label = `tier="shared",outcome="${outcome}"`;
    const reads = await Promise.all(system.tcpProxies.map((app) => sumOf(app, 'pgwake_node_cache_reads_total', label)));
    return reads.reduce((sum, each) => sum + each);
  }

  it(
    'start a sleeping endpoint once, and find its address there',
    async () => {
      const endpoint = await system.createEndpoint('sharers');
      const crowd = startStorm(endpoint);
      await crowd.over;
      await expectOneStart('sharers', crowd);
      expect(await readsOfRedis('miss')).toBeGreaterThan(0);
      const hits = await readsOfRedis('hit');
      for (const number of proxyNumbers) await queryThrough(number, endpoint);
      expect(await readsOfRedis('hit')).toBe(hits + proxyNumbers.length);
    },
    limitMs,
  );

  it(
    'start it once although Redis is killed while they connect',
    async () => {
      const endpoint = await system.createEndpoint('orphans');
      const missesBefore = await readsOfRedis('miss');
      const unavailableBefore = await readsOfRedis('unavailable');
      let killed: Promise<number> | undefined;
      const kill = async (): Promise<number> => {
        await redis.kill();
        return performance.timeOrigin + performance.now();
      };
      const crowd = startStorm(endpoint, { onOutcome: () => void (killed ??= kill()) });
      await crowd.over;
      await expectOneStart('orphans', crowd);

      const killedAtMs = (await killed) ?? NaN;
      expect(crowd.outcomes.filter(({ endedAtMs }) => endedAtMs > killedAtMs)).not.toEqual([]);
      expect(await readsOfRedis('miss')).toBeGreaterThan(missesBefore);
      expect(await readsOfRedis('unavailable')).toBeGreaterThan(unavailableBefore);
    },
    limitMs,
  );
});
