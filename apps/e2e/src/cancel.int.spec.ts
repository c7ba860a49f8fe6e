// Cancel requests that arrive at another proxy than that of their session, on the built apps.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { encodeCancelRequest } from '@pgwake/pg-wire';
import { System, type TestEndpoint, type TestRedis, skipWithoutRedis, startTestRedis, waitFor } from '@pgwake/testkit';
import pg from 'pg';

const describeWithRedis = await skipWithoutRedis(describe);
const limitMs = 60_000;

let redis: TestRedis;
let system: System;
let endpoint: TestEndpoint;

interface Session {
  readonly client: pg.Client;
  readonly pid: number;
  readonly secret: Buffer;
}

async function login(proxyNumber: number): Promise<Session> {
  const client = new pg.Client(system.connectionConfig(endpoint, proxyNumber));
  await client.connect();
  const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
  const secret = Buffer.alloc(4);
  secret.writeInt32BE(secretKey);
  return { client, pid: processID, secret };
}

/** Resolves with what the proxy answered, once it has closed. */
async function cancel(proxyNumber: number, { pid, secret }: Pick<Session, 'pid' | 'secret'>): Promise<Buffer> {
  const socket = connect({ port: system.connectionConfig(endpoint, proxyNumber).port, host: '127.0.0.1' });
  const heard: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => heard.push(chunk)).write(encodeCancelRequest(pid, secret));
  await once(socket, 'end');
  socket.destroy();
  return Buffer.concat(heard);
}

const sleep = ({ client }: Session) =>
  client.query('select pg_sleep(20)').then(
    () => 'slept',
    (error: { code: string }) => error.code,
  );

async function sleepers(session: Session): Promise<number> {
  const { rows } = await session.client.query<{ count: number }>(
    `select count(*)::int as count from pg_stat_activity where query = 'select pg_sleep(20)' and state = 'active'`,
  );
  return rows[0]?.count ?? 0;
}

describeWithRedis('a cancel request at another proxy', () => {
  beforeAll(async () => {
    redis = await startTestRedis();
    system = await System.start({ tcpProxies: [{}, {}], redisUrl: redis.url });
    endpoint = await system.createEndpoint('cancel');
  }, limitMs);
  afterAll(async () => {
    await system?.stop();
    await redis?.stop();
  }, limitMs);

  it(
    'ends the query of its session and no other, and a session that has ended is not known any more',
    async () => {
      const [mine, other, watcher] = [await login(1), await login(1), await login(2)];
      const [sleeping, bystander] = [sleep(mine), sleep(other)];
      await waitFor(async () => (await sleepers(watcher)) === 2, 5_000);
      // Redis hears of a session right after the client does.
      await waitFor(async () => {
        expect(await cancel(2, mine)).toHaveLength(0);
        return (await sleepers(watcher)) === 1;
      }, 5_000);
      expect(await sleeping).toBe('57014');
      expect(await cancel(2, { ...other, secret: randomBytes(4) })).toHaveLength(0);
      expect(await sleepers(watcher)).toBe(1);
      await cancel(2, other);
      expect(await bystander).toBe('57014');

      await mine.client.end();
      await waitFor(async () => {
        const before = await unknownKeys();
        await cancel(2, mine);
        return (await unknownKeys()) > before;
      }, 5_000);
      await Promise.all([other, watcher].map(({ client }) => client.end()));
    },
    limitMs,
  );

  it(
    'is ignored while Redis is away, and at the proxy of its session works all the same',
    async () => {
      const [mine, watcher] = [await login(1), await login(2)];
      const sleeping = sleep(mine);
      await waitFor(async () => (await sleepers(watcher)) === 1, 5_000);
      await redis.freeze();
      const begunAt = performance.now();
      expect(await cancel(2, mine)).toHaveLength(0);
      expect(performance.now() - begunAt).toBeLessThan(1_000);
      expect(await sleepers(watcher)).toBe(1);
      await cancel(1, mine);
      expect(await sleeping).toBe('57014');
      redis.thaw();
      await Promise.all([mine, watcher].map(({ client }) => client.end()));
    },
    limitMs,
  );

  it('leaves no key in a log', () => {
    expect(system.logOf('tcp-proxy', 2)).toContain('"result":"sent"');
    expect(system.logOf('tcp-proxy', 2)).not.toContain('secret');
  });
});

async function unknownKeys(): Promise<number> {
  const line = (await system.app('tcp-proxy', 2).metrics())
    .split('\n')
    .find((each) => each.startsWith('pgwake_cancel_requests_total{') && each.includes('unknownKey'));
  return Number(line?.split(' ').at(-1) ?? 0);
}
