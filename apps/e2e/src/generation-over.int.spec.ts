// What becomes of connections in the pools of the built http-proxies when their compute is suspended. Where there is a Redis
// wake-service calls the generation over before it ends the compute, and they leave by themselves; without it they learn of
// it from the compute. The next request wakes the next generation either way.

import { afterAll, beforeAll, expect, describe, it } from '@jest/globals';
import { System, type TestEndpoint, type TestRedis, skipWithoutRedis, startTestRedis, waitFor } from '@pgwake/testkit';

const describeWithRedis = await skipWithoutRedis(describe);
const limitMs = 120_000;
const withRedis = [1, 2];
const withoutRedis = 3;
const everywhere = [...withRedis, withoutRedis];

let redis: TestRedis;
let system: System;
let shop: TestEndpoint;

async function ask(proxy: number): Promise<{ readonly status: number; readonly generation: unknown }> {
  const response = await fetch(`${system.httpUrl('http', proxy)}/sql`, {
    method: 'POST',
    headers: { 'neon-connection-string': system.connectionString(shop) },
    body: JSON.stringify({ query: `select current_setting('cluster_name') as generation` }),
  });
  const { rows } = (await response.json()) as { rows?: { generation: string }[] };
  return { status: response.status, generation: rows?.[0]?.generation };
}

async function metric(proxy: number, name: string, label: string): Promise<number> {
  const pattern = new RegExp(`^${name}\\{[^}]*${label}[^}]*\\} (\\d+)$`, 'm');
  return Number(pattern.exec(await system.app('http-proxy', proxy).metrics())?.[1] ?? 0);
}

const idleAt = (proxy: number) => metric(proxy, 'pgwake_pool_connections', 'state="idle"');
const closedAt = (proxy: number, reason: string) => metric(proxy, 'pgwake_pool_closes_total', `reason="${reason}"`);

describeWithRedis('a suspend', () => {
  beforeAll(async () => {
    redis = await startTestRedis();
    system = await System.start({
      tcpProxies: [],
      httpProxies: [{}, {}, { PGWAKE_REDIS_URL: '' }],
      redisUrl: redis.url,
    });
    shop = await system.createEndpoint('shop');
  }, limitMs);
  afterAll(async () => {
    await system?.stop();
    await redis?.stop();
  }, limitMs);

  it.each([1, 2, 3])(
    'closes idle connections of every pool before the compute does, and the next request finds a new one: round %i',
    async (round) => {
      for (const proxy of everywhere) {
        expect(await ask(proxy)).toEqual({ status: 200, generation: `pgwake/shop/${round}` });
        await waitFor(async () => (await idleAt(proxy)) === 1, 5_000);
      }
      await system.admin('POST', '/endpoints/shop/suspend');
      await waitFor(async () => (await system.show('shop')).state === 'suspended', 20_000);
      for (const proxy of withRedis) {
        expect([await closedAt(proxy, 'generationOver'), await closedAt(proxy, 'lost')]).toEqual([round, 0]);
      }
      await waitFor(async () => (await closedAt(withoutRedis, 'lost')) === round, 5_000);
      expect(await closedAt(withoutRedis, 'generationOver')).toBe(0);
      for (const proxy of everywhere) expect(await idleAt(proxy)).toBe(0);

      // Nobody but a request wakes it.
      expect(await system.show('shop')).toMatchObject({ state: 'suspended', generation: round });
    },
    limitMs,
  );

  it(
    'leaves a request at work its connection, which is not used again',
    async () => {
      const [first, second] = withRedis as [number, number];
      const { generation } = await ask(first);
      const before = await closedAt(second, 'generationOver');
      // Two connections there, one idle and one at work until the compute ends it.
      const atWork = fetch(`${system.httpUrl('http', second)}/sql`, {
        method: 'POST',
        headers: { 'neon-connection-string': system.connectionString(shop) },
        body: JSON.stringify({ query: 'select pg_sleep(60)' }),
      }).then(async (response) => (await response.json()) as { code: string });
      await waitFor(async () => (await metric(second, 'pgwake_pool_connections', 'state="open"')) === 1, 5_000);
      expect((await ask(second)).generation).toBe(generation);
      await waitFor(async () => (await idleAt(second)) === 1, 5_000);
      await system.admin('POST', '/endpoints/shop/suspend');
      expect(['57P01', '08007']).toContain((await atWork).code);
      expect(await closedAt(second, 'generationOver')).toBe(before + 1);
      const next = await ask(second);
      expect(next.status).toBe(200);
      expect(next.generation).not.toBe(generation);
    },
    limitMs,
  );
});
