// A pool without a free connection, on the built proxy: who waits, who is refused, when, and what that says to whom.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { neon, neonConfig } from '@neondatabase/serverless';
import { System, type TestEndpoint, waitFor } from '@pgwake/testkit';

const limitMs = 120_000;
const waitLimitMs = 700;
/** The numbers of the proxies, by what is small in them. */
const [perEndpoint, line, overall, uses] = [1, 2, 3, 4];

let system: System;
let shop: TestEndpoint;
let other: TestEndpoint;

beforeAll(async () => {
  const one = { PGWAKE_POOL_MAX_PER_ENDPOINT: '1' };
  system = await System.start({
    tcpProxies: [],
    httpProxies: [
      { ...one, PGWAKE_POOL_WAIT_LIMIT_MS: String(waitLimitMs) },
      { ...one, PGWAKE_POOL_MAX_WAITING_PER_ENDPOINT: '1', PGWAKE_POOL_WAIT_LIMIT_MS: '60000' },
      { PGWAKE_POOL_MAX_OPEN: '1', PGWAKE_POOL_WAIT_LIMIT_MS: '60000' },
      { ...one, PGWAKE_POOL_MAX_USES: '3' },
    ],
  });
  [shop, other] = await Promise.all([system.createEndpoint('shop'), system.createEndpoint('other')]);
}, limitMs);
afterAll(() => system?.stop(), limitMs);

interface Ask {
  readonly proxy: number;
  readonly endpoint?: TestEndpoint;
  readonly headers?: Readonly<Record<string, string>>;
}

function ask(query: string, { proxy, endpoint = shop, headers = {} }: Ask): Promise<Response> {
  return fetch(`${system.httpUrl('http', proxy)}/sql`, {
    method: 'POST',
    headers: { 'neon-connection-string': system.connectionString(endpoint), ...headers },
    body: JSON.stringify({ query }),
  });
}

async function metric(proxy: number, pattern: RegExp): Promise<number> {
  return Number(pattern.exec(await system.app('http-proxy', proxy).metrics())?.[1] ?? 0);
}

const openNow = /pgwake_pool_connections\{state="open"[^}]*\} (\d+)/;
const idleNow = /pgwake_pool_connections\{state="idle"[^}]*\} (\d+)/;
const waitingNow = /pgwake_pool_connections\{state="waiting"[^}]*\} (\d+)/;
const refusedFor = (why: string) => new RegExp(`pgwake_pool_refusals_total\\{[^}]*why="${why}"[^}]*\\} (\\d+)`);
const closedFor = (reason: string) => new RegExp(`pgwake_pool_closes_total\\{[^}]*reason="${reason}"[^}]*\\} (\\d+)`);

/** Takes the only connection until it is told to let go. */
async function occupy(proxy: number): Promise<{ letGo(): Promise<void> }> {
  await (await ask('select 1', { proxy })).text();
  await waitFor(async () => (await metric(proxy, idleNow)) === 1, 5_000);
  const leaver = new AbortController();
  const sleeping = fetch(`${system.httpUrl('http', proxy)}/sql`, {
    method: 'POST',
    headers: { 'neon-connection-string': system.connectionString(shop) },
    body: JSON.stringify({ query: 'select pg_sleep(600)' }),
    signal: leaver.signal,
  }).catch(() => undefined);
  await waitFor(async () => (await metric(proxy, idleNow)) === 0, 5_000);
  return {
    async letGo() {
      leaver.abort();
      await sleeping;
    },
  };
}

describe('a request that finds every connection at work', () => {
  it(
    'is refused when it has waited long enough, with a status for everybody and a code for the driver',
    async () => {
      const occupied = await occupy(perEndpoint);
      const startedMs = performance.now();
      const plain = await ask('select 1', { proxy: perEndpoint });
      const waitedMs = performance.now() - startedMs;
      expect(waitedMs).toBeGreaterThan(waitLimitMs - 20);
      expect(waitedMs).toBeLessThan(waitLimitMs + 2_000);
      expect(plain.status).toBe(503);
      expect(plain.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
      const told = { severity: 'FATAL', code: '53300', message: 'too many requests to this endpoint at once' };
      expect(await plain.json()).toMatchObject(told);

      const modes = { 'neon-raw-text-output': 'true', 'neon-array-mode': 'true' };
      const asDriver = await ask('select 1', { proxy: perEndpoint, headers: modes });
      expect(asDriver.status).toBe(400);
      expect(asDriver.headers.get('pgwake-status')).toBe('503');
      expect(asDriver.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
      expect(await asDriver.json()).toMatchObject(told);

      neonConfig.fetchEndpoint = `${system.httpUrl('http', perEndpoint)}/sql`;
      await expect(neon(system.connectionString(shop))`select 1`).rejects.toMatchObject({
        name: 'NeonDbError',
        ...told,
      });
      expect(await metric(perEndpoint, refusedFor('waitedTooLong'))).toBe(3);

      // Nobody else is concerned, and nobody at all once there is a connection again.
      expect((await ask('select 1', { proxy: perEndpoint, endpoint: other })).status).toBe(200);
      await occupied.letGo();
      expect((await ask('select 1', { proxy: perEndpoint })).status).toBe(200);
    },
    limitMs,
  );

  it(
    'is refused at once when the line is as long as it may be',
    async () => {
      const occupied = await occupy(line);
      const waiting = ask('select 1', { proxy: line });
      await waitFor(async () => (await metric(line, waitingNow)) === 1, 5_000);
      const startedMs = performance.now();
      expect((await ask('select 1', { proxy: line })).status).toBe(503);
      expect(performance.now() - startedMs).toBeLessThan(5_000);
      expect(await metric(line, refusedFor('queueFull'))).toBe(1);
      await occupied.letGo();
      expect((await waiting).status).toBe(200);
    },
    limitMs,
  );
});

describe('a bound over all endpoints', () => {
  it(
    'is kept by closing what is idle at another endpoint, or by waiting for it',
    async () => {
      expect((await ask('select 1', { proxy: overall })).status).toBe(200);
      expect((await ask('select 1', { proxy: overall, endpoint: other })).status).toBe(200);
      await waitFor(async () => (await metric(overall, closedFor('evicted'))) === 1, 5_000);
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, n) =>
          ask('select pg_sleep(0.05)', { proxy: overall, endpoint: n % 2 ? shop : other }),
        ),
      );
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      expect(await metric(overall, openNow)).toBe(1);
    },
    limitMs,
  );
});

describe('a bound of uses', () => {
  it('is where a connection ends and the next begins', async () => {
    const pids: string[] = [];
    for (let round = 0; round < 6; round += 1) {
      pids.push(await (await ask('select pg_backend_pid()', { proxy: uses })).text());
    }
    const [first, second] = [pids.slice(0, 3), pids.slice(3)];
    expect(new Set(first).size).toBe(1);
    expect(new Set(second).size).toBe(1);
    expect(first[0]).not.toBe(second[0]);
    expect(await metric(uses, closedFor('worn'))).toBeGreaterThanOrEqual(1);
  });
});
