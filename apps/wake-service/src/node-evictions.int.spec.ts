// What the proxies learn through Redis, seen from a proxy's node cache.

import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { EndpointId, SessionId } from '@pgwake/ids';
import { loadSettings, readNodeSharing } from '@pgwake/nest-kit';
import { type NodeCacheObserver, type RedisNodeCache, createRedisNodeCache } from '@pgwake/node-cache';
import { createLogger } from '@pgwake/telemetry';
import { type TestRedis, findFreePort, skipWithoutRedis, startTestRedis, waitFor } from '@pgwake/testkit';
import type { WokenNode } from '@pgwake/wake-api';
import { type WakeClient, createWakeClient } from '@pgwake/wake-client';
import { wakeServiceSettings } from './settings.js';
import { type WakeService, startWakeService } from './start-wake-service.js';

const describeWithRedis = await skipWithoutRedis(describe);

const log = createLogger({ app: 'wake-service', level: 'silent' });
const never = new AbortController().signal;
const limitMs = 5_000;

describeWithRedis('wake-service with a Redis', () => {
  const nodeKeys = `test:${'5e'.repeat(32)}`;
  let dataDir: string;
  let redis: TestRedis;
  let service: WakeService;
  let wakeClient: WakeClient;
  const caches: RedisNodeCache[] = [];

  beforeAll(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'pgwake-evictions-'));
    redis = await startTestRedis();
    const grpcPort = await findFreePort();
    service = await startWakeService(
      settings({
        PGWAKE_DATA_DIR: dataDir,
        PGWAKE_WAKE_GRPC_PORT: String(grpcPort),
        PGWAKE_WAKE_ADMIN_PORT: '0',
        PGWAKE_WAKE_OPS_PORT: '0',
        PGWAKE_ON_SHUTDOWN: 'suspend',
      }),
      log,
    );
    wakeClient = createWakeClient({ address: `127.0.0.1:${grpcPort}` });
  });

  afterAll(async () => {
    await service?.drain();
    wakeClient?.close();
    for (const cache of caches) cache.close();
    await redis?.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  function settings(more: Readonly<Record<string, string>> = {}) {
    return loadSettings(wakeServiceSettings, {
      PGWAKE_REDIS_URL: redis.url,
      PGWAKE_NODE_KEYS: nodeKeys,
      ...more,
    });
  }

  /** As a proxy has it, and connected. */
  async function proxyCache(onMessage: () => void = () => undefined): Promise<RedisNodeCache> {
    const { keys, redis: sharing } = readNodeSharing(settings());
    if (sharing === undefined) throw new Error('Redis is set');
    let last = '';
    const observer: NodeCacheObserver = {
      onRead: (_, outcome) => void (last = outcome),
      onWrite: () => undefined,
      onMessage,
      onUnavailable: () => undefined,
      onAvailable: () => undefined,
    };
    const cache = createRedisNodeCache(
      { ...sharing, keys, maxEntries: 100, memoryMaxAgeMs: 60_000 },
      { clock: performance, wallClock: Date.now, random: Math.random, observer },
    );
    caches.push(cache);
    await waitFor(async () => {
      await cache.get('nobody' as EndpointId);
      return last === 'miss';
    }, limitMs);
    return cache;
  }

  async function call(method: string, path: string, body?: object): Promise<void> {
    const response = await fetch(`http://127.0.0.1:${service.adminPort}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    expect(response.ok).toBe(true);
  }

  /** Made, awake, and shared by a proxy. */
  async function shared(endpoint: string): Promise<WokenNode> {
    await call('POST', '/endpoints', { id: endpoint });
    const request = { endpoint: endpoint as EndpointId, suspectGeneration: undefined, sessionId: 'test' as SessionId };
    const outcome = await wakeClient.wake(request, never);
    if (!outcome.ok) throw new Error(outcome.failure.detail);
    const { startKind: _, ...node } = outcome.node;
    await (await proxyCache()).put(node);
    expect((await (await proxyCache()).get(node.endpoint))?.info).toEqual(node);
    return outcome.node;
  }

  function socketOf({ address }: WokenNode): string {
    if (address.kind !== 'unix') throw new Error('the compute was to listen on a unix socket');
    return join(address.socketDirectory, `.s.PGSQL.${address.port}`);
  }

  /** By a proxy that has nothing in its memory. */
  async function isShared({ endpoint }: WokenNode): Promise<boolean> {
    return (await (await proxyCache()).get(endpoint)) !== undefined;
  }

  it('tells the proxies that a compute is suspended, before it is shut down', async () => {
    const node = await shared('suspended');
    const accepting: boolean[] = [];
    await proxyCache(() => accepting.push(existsSync(socketOf(node))));
    await call('POST', '/endpoints/suspended/suspend');
    expect(accepting).toEqual([true]);
    expect(existsSync(socketOf(node))).toBe(false);
    expect(await isShared(node)).toBe(false);
  });

  it('tells them that a compute has crashed', async () => {
    const node = await shared('crashed');
    const pid = Number(readFileSync(`${socketOf(node)}.lock`, 'utf8').split('\n')[0]);
    process.kill(pid, 'SIGKILL');
    await waitFor(async () => !(await isShared(node)), limitMs);
  });

  it('tells them that an endpoint is removed', async () => {
    const node = await shared('removed');
    await call('DELETE', '/endpoints/removed');
    expect(await isShared(node)).toBe(false);
  });

  it('suspends all the same, and hardly later, while Redis is frozen', async () => {
    const node = await shared('unheard');
    await redis.freeze();
    const begunAt = performance.now();
    await call('POST', '/endpoints/unheard/suspend');
    expect(performance.now() - begunAt).toBeLessThan(2_000);
    expect(existsSync(socketOf(node))).toBe(false);
    expect(readFileSync(`/proc/${redis.pid}/stat`, 'utf8')).toMatch(/\) T /);
    redis.thaw();
  });
});
