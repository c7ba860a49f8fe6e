// Two proxies and a real Redis between them.

import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { parseEndpointId, parseGeneration } from '@pgwake/ids';
import { type NodeKeys, RedisLink, createNodeEvictions, parseNodeKeys } from '@pgwake/node-cache';
import type { BackendKey } from '@pgwake/pg-wire';
import {
  type LeakCheck,
  type TestRedis,
  skipWithoutRedis,
  startLeakCheck,
  startTestRedis,
  waitFor,
} from '@pgwake/testkit';
import { Redis } from 'ioredis';
import { CancelKeys, type CancelTarget, SharedCancelKeys, keyOf, nameOf, secretBytesOf } from './index.js';

const describeWithRedis = await skipWithoutRedis(describe);

const prefix = 'pgwake-test:';
const callTimeoutMs = 50;
const slackMs = 400;
/** An entry that could not be written, because a connection was not there yet, is written again within ten seconds. */
const limitMs = 15_000;
const secretBytes = 4;
const computeKey = { pid: 4242, secret: Buffer.from('cafecafe', 'hex') };
const target = {
  endpoint: parseEndpointId('demo'),
  generation: parseGeneration(3),
  address: { kind: 'tcp', host: '10.0.0.7', port: 5432 },
  identity: { kind: 'unproven' },
  computeKey: nameOf(computeKey),
  allowedNetworks: ['192.0.2.0/24'],
} as CancelTarget;

let leaks: LeakCheck;
let redis: TestRedis;
let admin: Redis;
let keys: NodeKeys;
let open: { close(): void }[];

const makeKeys = (...hexes: string[]): NodeKeys => {
  const parsed = parseNodeKeys(hexes.map((hex, at) => `k${hex.slice(0, 4)}${at}:${hex}`));
  if (!parsed.ok) throw new Error(parsed.what);
  return parsed.keys;
};
const randomHex = () => randomBytes(32).toString('hex');

interface Options {
  readonly nodeKeys?: NodeKeys;
  readonly maxAgeMs?: number;
  readonly wallClock?: () => number;
  readonly url?: string;
}

function proxy({
  nodeKeys = keys,
  maxAgeMs = 240_000,
  wallClock = Date.now,
  url = redis.url,
}: Options = {}): CancelKeys {
  const link = new RedisLink({
    address: { url, ca: undefined },
    callTimeoutMs,
    clock: performance,
    random: Math.random,
    observer: { onUnavailable: () => undefined, onAvailable: () => undefined },
  });
  const shared = new SharedCancelKeys({ link, prefix, nodeKeys, maxAgeMs }, { random: Math.random, wallClock });
  const cancelKeys = new CancelKeys(shared);
  open.push(cancelKeys);
  return cancelKeys;
}

const entries = () => admin.keys(`${prefix}cancel:*`);

/** A key whose entry is in Redis. */
async function issueAt(
  cancelKeys: CancelKeys,
  more: Partial<CancelTarget> = {},
  bytes = secretBytes,
): Promise<BackendKey> {
  const before = (await entries()).length;
  const name = cancelKeys.issue({ ...target, ...more }, bytes);
  cancelKeys.share(name);
  await waitFor(async () => (await entries()).length > before, limitMs);
  return keyOf(name);
}

/** Asks until Redis answers: a new connection takes a moment, and a breaker may be open. */
async function found(cancelKeys: CancelKeys, key: BackendKey): Promise<CancelTarget> {
  let last: CancelTarget | undefined;
  await waitFor(async () => (last = await cancelKeys.find(key)) !== undefined, limitMs);
  if (last === undefined) throw new Error('not found');
  return last;
}

beforeEach(async () => {
  leaks = startLeakCheck();
  open = [];
  keys = makeKeys(randomHex());
  redis = await startTestRedis();
  admin = new Redis(redis.url);
  admin.on('error', () => undefined);
  open.push({ close: () => admin.disconnect() });
  await admin.ping();
});
afterEach(async () => {
  for (const part of open) part.close();
  await redis.stop();
  await leaks.expectNothingLeft();
});

describeWithRedis('a cancel key', () => {
  it.each([0, 2])('of protocol 3.%d is found by another proxy, until its session ends', async (minor) => {
    const [one, other] = [proxy(), proxy()];
    const key = await issueAt(one, {}, secretBytesOf(minor));
    expect(await found(other, key)).toEqual(target);
    one.forget(nameOf(key));
    await waitFor(async () => (await entries()).length === 0, limitMs);
    expect(await other.find(key)).toBeUndefined();
  });

  it('that is wrong by one bit is not found', async () => {
    const [one, other] = [proxy(), proxy()];
    const key = await issueAt(one);
    await found(other, key);
    expect(await other.find({ ...key, pid: key.pid + 1 })).toBeUndefined();
    expect(await other.find({ ...key, secret: key.secret.map((byte) => byte ^ 1) })).toBeUndefined();
  });

  it('is in Redis in no form that helps a reader', async () => {
    const key = await issueAt(proxy());
    const [name = ''] = await entries();
    const all = Buffer.concat([Buffer.from(name), (await admin.getBuffer(name)) ?? Buffer.alloc(0)]);
    const secrets = [key.secret, computeKey.secret];
    for (const secret of secrets) {
      expect(all.includes(Buffer.from(secret))).toBe(false);
      expect(all.toString('latin1')).not.toContain(Buffer.from(secret).toString('hex'));
    }
    for (const word of ['demo', '10.0.0.7', '192.0.2', String(key.pid)])
      expect(all.toString('latin1')).not.toContain(word);
  });

  it('is found while node keys are changed, whichever comes first', async () => {
    const [before, after] = [randomHex(), randomHex()];
    const one = proxy({ nodeKeys: makeKeys(before, after) });
    const other = proxy({ nodeKeys: makeKeys(after, before) });
    expect(await found(other, await issueAt(one))).toEqual(target);
    expect(await found(one, await issueAt(other))).toEqual(target);
  });

  it('comes back after Redis has lost everything, and stays as long as its session', async () => {
    const [one, other] = [proxy({ maxAgeMs: 400 }), proxy()];
    const key = await issueAt(one);
    await admin.flushall();
    expect(await found(other, key)).toEqual(target);
    const [name = ''] = await entries();
    expect(await admin.pttl(name)).toBeLessThanOrEqual(400);
    const begunAt = performance.now();
    while (performance.now() - begunAt < 1_000) expect(await found(other, key)).toEqual(target);
  });

  it('ends by itself when its proxy dies', async () => {
    const one = proxy({ maxAgeMs: 400 });
    await issueAt(one);
    one.close();
    await waitFor(async () => (await entries()).length === 0, limitMs);
  });
});

describeWithRedis('what somebody else has written', () => {
  it('is not believed: an entry under another name, noise, another type, 10 MB', async () => {
    const [one, other] = [proxy(), proxy()];
    const [key, victim] = [await issueAt(one), await issueAt(one, { allowedNetworks: [] })];
    await Promise.all([found(other, key), found(other, victim)]);
    const names = await entries();
    const values = await Promise.all(names.map((name) => admin.getBuffer(name)));
    await Promise.all(names.map((name, at) => admin.set(name, values[1 - at] ?? '')));
    expect(await other.find(key)).toBeUndefined();
    for (const noise of [Buffer.alloc(0), Buffer.alloc(20, 1), Buffer.alloc(10_000_000, 1)]) {
      await Promise.all(names.map((name) => admin.set(name, noise)));
      expect(await other.find(key)).toBeUndefined();
    }
    await admin.del(...names);
    await Promise.all(names.map((name) => admin.lpush(name, 'x')));
    expect(await other.find(key)).toBeUndefined();
  });

  it('or put back after its time is not used', async () => {
    let nowMs = Date.now();
    const [one, other] = [proxy({ maxAgeMs: 60_000 }), proxy({ wallClock: () => nowMs })];
    const key = await issueAt(one);
    expect(await found(other, key)).toEqual(target);
    nowMs += 60_000 + 11_000;
    expect(await other.find(key)).toBeUndefined();
  });
});

describeWithRedis('a compute that was suspended', () => {
  it('gets no cancel request, though the entry of its session is still there', async () => {
    const [one, other] = [proxy(), proxy()];
    const key = await issueAt(one);
    await found(other, key);
    const evictions = createNodeEvictions(
      { address: { url: redis.url, ca: undefined }, prefix, callTimeoutMs, maxAgeMs: 240_000 },
      {
        clock: performance,
        random: Math.random,
        observer: { onUnavailable: () => undefined, onAvailable: () => undefined },
      },
    );
    open.push(evictions);
    await waitFor(async () => {
      await evictions.evict(target);
      return (await admin.exists(`${prefix}node:demo`)) === 1;
    }, limitMs);
    expect(await other.find(key)).toBeUndefined();
    // At the proxy of the session nothing but the end of the session counts.
    expect(await one.find(key)).toEqual(target);
    const next = await issueAt(one, { generation: parseGeneration(4) as CancelTarget['generation'] });
    expect(await found(other, next)).toMatchObject({ generation: 4 });
  });
});

describeWithRedis('Redis that allows', () => {
  it('no more than is written down is enough', async () => {
    const commands = ['+set', '+getrange', '+unlink', '+zcount', '+zscore'];
    const names = [`~${prefix}cancel:*`, `~${prefix}node:*`];
    await admin.call('ACL', ['SETUSER', 'proxy', 'on', '>secret', 'resetchannels', ...names, '-@all', ...commands]);
    const url = `redis://proxy:secret@${redis.host}:${redis.port}`;
    const [one, other] = [proxy({ url }), proxy({ url })];
    const key = await issueAt(one);
    expect(await found(other, key)).toEqual(target);
    one.forget(nameOf(key));
    await waitFor(async () => (await entries()).length === 0, limitMs);
  });
});

describeWithRedis('Redis that is', () => {
  it.each(['killed', 'frozen'] as const)('%s makes a key unknown elsewhere, quickly, and nobody waits', async (how) => {
    const [one, other] = [proxy(), proxy()];
    const key = await issueAt(one);
    await found(other, key);
    if (how === 'killed') await redis.kill();
    else await redis.freeze();
    const begunAt = performance.now();
    expect(await other.find(key)).toBeUndefined();
    expect(await one.find(key)).toEqual(target);
    const another = one.issue(target, secretBytes);
    one.share(another);
    expect(await one.find(keyOf(another))).toEqual(target);
    one.forget(another);
    expect(performance.now() - begunAt).toBeLessThan(callTimeoutMs + slackMs);
    if (how === 'frozen') redis.thaw();
  });
});
