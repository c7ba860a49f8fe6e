import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  type Clock,
  type Connector,
  type Mechanism,
  type NodeInfo,
  SuspectNode,
  type WakePort,
  createConnector,
} from '@pgwake/connect-core';
import { type SessionId, millis, parseSessionId } from '@pgwake/ids';
import {
  type LeakCheck,
  type TestRedis,
  findFreePort,
  skipWithoutRedis,
  startLeakCheck,
  startTestRedis,
  waitFor,
} from '@pgwake/testkit';
import type { Redis } from 'ioredis';
import { namesUnder } from './shared-nodes.js';
import { encodeEntry, encodeTombstone } from './shared-entry.js';
import { demo, idOf, makeKeys, nodeOf, signed } from './testing/nodes.js';
import { Proxies, type Proxy, callTimeoutMs, prefix } from './testing/proxies.js';

const describeWithRedis = await skipWithoutRedis(describe);

/** What the timers of a busy machine may add. */
const slackMs = 100;
const recoveryLimitMs = 5_000;
const { nodeKey, evictionChannel } = namesUnder(prefix);
const key = nodeKey(demo);
/** Of which nothing was said before the fault. */
const later = idOf('later');

let leaks: LeakCheck;
let redis: TestRedis;
let proxies: Proxies;
let admin: Redis;

async function begin(options?: Parameters<typeof startTestRedis>[0]): Promise<void> {
  redis = await startTestRedis(options);
  proxies = new Proxies(redis.url);
  admin = proxies.admin();
  await admin.ping();
}

const generationIn = async ({ cache }: Proxy, endpoint = demo) => (await cache.get(endpoint))?.info.generation;
const suspectOf = ({ endpoint, generation, issuedAtMs }: NodeInfo) => new SuspectNode(endpoint, generation, issuedAtMs);
const woken = (generation: number, more = {}) => signed(nodeOf(generation, more), proxies.keys);

/** Resolves once this proxy can use Redis and hears what others evict. */
async function connected(proxy: Proxy): Promise<Proxy> {
  await waitFor(async () => {
    await proxy.cache.get(idOf('nobody'));
    return proxy.told.at(-1) === 'shared miss';
  }, recoveryLimitMs);
  await waitFor(async () => {
    await admin.publish(evictionChannel, 'do you hear me');
    return proxy.heard.length > 0;
  }, recoveryLimitMs);
  proxy.told.length = 0;
  return proxy;
}

async function timed<T>(work: Promise<T>): Promise<{ value: T; ms: number }> {
  const begunAt = performance.now();
  return { value: await work, ms: performance.now() - begunAt };
}

/** Puts this node by the one and sees it through the other. */
async function expectSharing(one: Proxy, other: Proxy, generation: number, endpoint = demo): Promise<void> {
  const node = woken(generation, { endpoint });
  await waitFor(async () => {
    await one.cache.put(node);
    return (await generationIn(other, endpoint)) === generation;
  }, recoveryLimitMs);
}

beforeEach(() => {
  leaks = startLeakCheck();
});

afterEach(async () => {
  proxies.close();
  await redis.stop();
  await leaks.expectNothingLeft();
});

describeWithRedis('nodes shared through Redis', () => {
  beforeEach(() => begin());

  it('what one proxy stored another one uses, word for word', async () => {
    const [one, other] = [await connected(proxies.proxy()), await connected(proxies.proxy())];
    const node = woken(3);
    await one.cache.put(node);
    expect((await other.cache.get(demo))?.info).toEqual(node);
    expect(await generationIn(other)).toBe(3);
    expect(one.told).toEqual(['write stored']);
    expect(other.told).toEqual(['memory miss', 'shared hit', 'memory hit']);
    expect(await admin.pttl(key)).toBeGreaterThan(200_000);
  });

  it('what is stored already is not stored again, a later word on the same generation is', async () => {
    const one = await connected(proxies.proxy());
    const node = woken(3, { issuedAtMs: Date.now() - 1_000 });
    await one.cache.put(node);
    await one.cache.put(node);
    await one.cache.put(woken(3));
    expect(one.told).toEqual(['write stored', 'write stored']);
    expect(await admin.zcard(key)).toBe(1);
  });

  it('an unsigned node stays with the proxy that has it', async () => {
    const [one, other] = [await connected(proxies.proxy()), await connected(proxies.proxy())];
    await one.cache.put({ ...nodeOf(3), signature: undefined });
    expect(await generationIn(one)).toBe(3);
    expect(await generationIn(other)).toBeUndefined();
    expect(one.told[0]).toBe('write unsigned');
  });

  it('the highest stamp wins, in whatever order it is written', async () => {
    const nodes = [woken(3), woken(4), woken(5)];
    const writers = [proxies.proxy(), proxies.proxy(), proxies.proxy()];
    for (const writer of writers) await connected(writer);
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
    ]) {
      await admin.del(key);
      for (const [at, which] of order.entries()) {
        const node = nodes[which] as NodeInfo & { signature: string };
        const { score, text } = encodeEntry(node, node.signature);
        await writers[at]?.cache.put(node);
        await admin.multi().zadd(key, score, text).zremrangebyrank(key, 0, -2).exec();
      }
      expect(await generationIn(await connected(proxies.proxy()))).toBe(5);
    }
  });

  it('an eviction reaches the memory of every other proxy', async () => {
    const [one, other] = [await connected(proxies.proxy()), await connected(proxies.proxy())];
    const node = woken(3);
    await one.cache.put(node);
    expect(await generationIn(other)).toBe(3);
    await one.cache.evict(suspectOf(node));
    await waitFor(() => other.heard.includes('eviction'), recoveryLimitMs);
    expect(await generationIn(other)).toBeUndefined();
    expect(other.over).toEqual([]);
    expect(other.told.slice(-2)).toEqual(['memory miss', 'shared evicted']);
  });

  it('a late store of what was evicted stays hidden, a later word of wake-service does not', async () => {
    const [one, other] = [await connected(proxies.proxy()), await connected(proxies.proxy())];
    const node = woken(3, { issuedAtMs: Date.now() - 1_000 });
    await one.cache.evict(suspectOf(node));
    await waitFor(() => one.told.includes('write evicted'), recoveryLimitMs);
    await connected(other);
    await other.cache.put(node);
    expect(await generationIn(await connected(proxies.proxy()))).toBeUndefined();
    await other.cache.put(woken(3));
    expect(await generationIn(await connected(proxies.proxy()))).toBe(3);
  });

  it('a slow loser does not evict what somebody else has stored since', async () => {
    const [one, other] = [await connected(proxies.proxy()), await connected(proxies.proxy())];
    await other.cache.put(woken(4));
    await one.cache.evict(suspectOf(woken(3)));
    await waitFor(() => one.told.includes('write evicted') && other.heard.includes('eviction'), recoveryLimitMs);
    expect(await generationIn(other)).toBe(4);
    expect(await generationIn(await connected(proxies.proxy()))).toBe(4);
  });

  it('a generation that wake-service calls over does not come back, whenever it was named', async () => {
    const [one, wakeService] = [await connected(proxies.proxy()), proxies.wakeService()];
    await one.cache.put(woken(3));
    await waitFor(async () => {
      await wakeService.evict(nodeOf(3));
      return one.heard.includes('eviction');
    }, recoveryLimitMs);
    expect(await generationIn(one)).toBeUndefined();
    expect(new Set(one.over)).toEqual(new Set([`${demo} 3`]));
    await one.cache.put(woken(3, { issuedAtMs: Date.now() + 5_000 }));
    expect(await generationIn(one)).toBeUndefined();
    expect(await generationIn(await connected(proxies.proxy()))).toBeUndefined();
    await one.cache.put(woken(4));
    expect(await generationIn(await connected(proxies.proxy()))).toBe(4);
  });

  it('messages that are none are counted and change nothing', async () => {
    const one = await connected(proxies.proxy());
    const before = one.heard.length;
    await one.cache.put(woken(3));
    for (const text of ['', '{"endpoint":"demo"}', 'x'.repeat(1_000_000)]) await admin.publish(evictionChannel, text);
    await waitFor(() => one.heard.length >= before + 3, recoveryLimitMs);
    expect(await generationIn(one)).toBe(3);
  });

  it('a key is rotated without a miss: accepted everywhere first, then signing', async () => {
    const next = makeKeys('k2');
    const both = new Map([...proxies.keys, ...next]);
    const [one, other] = [
      await connected(proxies.proxy({ keys: both })),
      await connected(proxies.proxy({ keys: both })),
    ];
    await one.cache.put(signed(nodeOf(3), proxies.keys));
    expect(await generationIn(other)).toBe(3);
    await one.cache.put(signed(nodeOf(4), next));
    expect(await generationIn(await connected(proxies.proxy({ keys: both })))).toBe(4);
    const behind = await connected(proxies.proxy());
    expect(await generationIn(behind)).toBeUndefined();
    expect(behind.told.at(-1)).toBe('shared unknownKey');
  });

  it('asks once for all who ask at the same time', async () => {
    const one = await connected(proxies.proxy());
    const before = await zranges();
    await Promise.all(Array.from({ length: 100 }, () => one.cache.get(demo)));
    expect((await zranges()) - before).toBe(1);
  });

  async function zranges(): Promise<number> {
    return Number(/cmdstat_zrange:calls=(\d+)/.exec(await admin.info('commandstats'))?.[1] ?? 0);
  }
});

describeWithRedis('a Redis that lies', () => {
  beforeEach(() => begin());

  it.each<[what: string, plant: () => Promise<unknown>, told: string]>([
    ['holds a text', () => admin.set(key, 'garbage'), 'shared malformed'],
    ['holds a list', () => admin.rpush(key, 'garbage'), 'shared malformed'],
    ['holds bytes', () => admin.zadd(key, 3, Buffer.from([0, 255, 254, 10, 13])), 'shared malformed'],
    ['holds 100 MB', () => admin.zadd(key, 3, Buffer.alloc(100_000_000, 'x')), 'shared unavailable'],
    ['holds a hundred thousand members', () => plantMany(), 'shared malformed'],
    [
      'has a forged address',
      () => plant((text) => text.replace('/run/pgwake/3', '/run/evil/333')),
      'shared badSignature',
    ],
    [
      'has an entry of another endpoint',
      () => plant((text) => text, { endpoint: idOf('other') }),
      'shared otherEndpoint',
    ],
    ['has an entry of long ago', () => plant((text) => text, { issuedAtMs: Date.now() - 900_000 }), 'shared expired'],
    ['has an entry of tomorrow', () => plant((text) => text, { issuedAtMs: Date.now() + 9e7 }), 'shared fromTheFuture'],
    ['keeps an old entry on top', () => plant((text) => text, {}, 2 ** 53), 'shared malformed'],
    ['has a score of infinity', () => plant((text) => text, {}, Infinity), 'shared malformed'],
  ])('that %s costs a miss, and is healed', async (what, plantIt, told) => {
    const one = await connected(proxies.proxy());
    await plantIt();
    expect(await admin.exists(key)).toBe(1);
    const { value, ms } = await timed(one.cache.get(demo));
    expect(value).toBeUndefined();
    if (what !== 'holds 100 MB') expect(one.told).toEqual(['memory miss', told]);
    expect(ms).toBeLessThan(callTimeoutMs + slackMs + (what === 'holds 100 MB' ? 1_000 : 0));
    await waitFor(async () => (await admin.exists(key)) === 0, recoveryLimitMs);
    await expectSharing(one, await connected(proxies.proxy()), 5);
  });

  async function plant(change: (text: string) => string, more = {}, score?: number): Promise<void> {
    const node = woken(3, more);
    const entry = encodeEntry(node, node.signature);
    await admin.zadd(key, score ?? entry.score, change(entry.text));
  }

  async function plantMany(): Promise<void> {
    for (let batch = 0; batch < 2; batch++) {
      await admin.zadd(key, ...Array.from({ length: 50_000 }, (_, i) => [7, `garbage ${batch} ${i}`]).flat());
    }
  }

  it('with a tombstone costs misses until a higher generation comes', async () => {
    const one = await connected(proxies.proxy());
    const { score, text } = encodeTombstone(nodeOf(3, { issuedAtMs: Number.MAX_SAFE_INTEGER }));
    await admin.zadd(key, score, text);
    expect(await generationIn(one)).toBeUndefined();
    await expectSharing(one, await connected(proxies.proxy()), 4);
  });
});

describeWithRedis('a Redis that is not well', () => {
  beforeEach(() => begin());

  /** All that a proxy does is done at once or within the limit, and what it holds itself it still has. */
  async function expectNoWaiting(one: Proxy): Promise<void> {
    await one.cache.put(woken(7));
    expect(await generationIn(one)).toBe(7);
    for (let i = 0; i < 5; i++) {
      const { value, ms } = await timed(one.cache.get(idOf(`other-${i}`)));
      expect(value).toBeUndefined();
      expect(ms).toBeLessThan(callTimeoutMs + slackMs);
    }
    // The circuit is open now.
    const { ms } = await timed(Promise.all(Array.from({ length: 200 }, (_, i) => one.cache.get(idOf(`more-${i}`)))));
    expect(ms).toBeLessThan(callTimeoutMs + slackMs);
    expect(one.told.filter((event) => event.startsWith('unavailable:'))).toHaveLength(1);
    expect(one.told.at(-1)).toBe('shared unavailable');
    const evict = await timed(one.cache.evict(suspectOf(woken(7))));
    expect(evict.ms).toBeLessThan(slackMs);
    expect(await generationIn(one)).toBeUndefined();
  }

  it('refused: is done without, and used again when it is back', async () => {
    const [one, other] = [await connected(proxies.proxy()), await connected(proxies.proxy())];
    await redis.kill();
    expect(() => process.kill(redis.pid, 0)).toThrow('ESRCH');
    await expectNoWaiting(one);
    await redis.restart();
    await expectSharing(one, other, 8, later);
    expect(one.told).toContain('available');
    await one.cache.evict(suspectOf((await one.cache.get(later))?.info as NodeInfo));
    await waitFor(() => other.heard.includes('eviction'), recoveryLimitMs);
  });

  it('not there at the start: the proxy starts all the same', async () => {
    await redis.kill();
    const [one, other] = [proxies.proxy(), proxies.proxy()];
    await expectNoWaiting(one);
    await redis.restart();
    await expectSharing(one, other, 8, later);
  });

  it('frozen: is done without, and used again when it thaws', async () => {
    const [one, other] = [await connected(proxies.proxy()), await connected(proxies.proxy())];
    await redis.freeze();
    expect(readFileSync(`/proc/${redis.pid}/stat`, 'utf8')).toMatch(/\) T /);
    await expectNoWaiting(one);
    redis.thaw();
    await expectSharing(one, other, 8, later);
  });

  it('slow: is done without, and used again when it is faster', async () => {
    const [one, other] = [await connected(proxies.proxy()), await connected(proxies.proxy())];
    await admin.client('PAUSE', 1_500, 'ALL');
    const pong = timed(admin.ping());
    await expectNoWaiting(one);
    expect((await pong).ms).toBeGreaterThan(1_000);
    await expectSharing(one, other, 8, later);
  });

  it('frozen while wake-service suspends: the suspend waits for the limit, and no longer', async () => {
    const wakeService = proxies.wakeService();
    await wakeService.evict(nodeOf(1));
    await redis.freeze();
    const { ms } = await timed(wakeService.evict(nodeOf(3)));
    expect(ms).toBeLessThan(callTimeoutMs + slackMs);
    redis.thaw();
  });

  it('flushed: is filled again by the next one who misses', async () => {
    const [one, other] = [await connected(proxies.proxy()), await connected(proxies.proxy())];
    await one.cache.put(woken(3));
    await admin.flushall();
    expect(await generationIn(other)).toBeUndefined();
    expect(await generationIn(one)).toBe(3);
    await other.cache.put(woken(3));
    expect(await generationIn(await connected(proxies.proxy()))).toBe(3);
  });

  it('restarted empty: is filled again, and evictions are heard again', async () => {
    const [one, other] = [await connected(proxies.proxy()), await connected(proxies.proxy())];
    await one.cache.put(woken(3));
    const { pid } = redis;
    await redis.restart();
    expect(redis.pid).not.toBe(pid);
    await connected(one);
    await connected(other);
    expect(await generationIn(other)).toBeUndefined();
    await expectSharing(one, other, 4, later);
  });

  it('a read-only replica: is read, nothing is stored, and all is well when it is promoted', async () => {
    const one = await connected(proxies.proxy());
    await one.cache.put(woken(3));
    await admin.replicaof('127.0.0.1', 1);
    await expect(admin.set('x', 'y')).rejects.toThrow('READONLY');
    await one.cache.put(woken(4));
    expect(one.told).toEqual(['write stored', 'write failed']);
    expect(await generationIn(one)).toBe(4);
    const other = proxies.proxy();
    await waitFor(async () => (await generationIn(other)) === 3, recoveryLimitMs);
    await admin.replicaof('NO', 'ONE');
    await one.cache.put(woken(4));
    expect(one.told.at(-1)).toBe('write stored');
  });

  it('a replica that has lost its primary and says nothing: is done without', async () => {
    const one = await connected(proxies.proxy());
    await admin.config('SET', 'replica-serve-stale-data', 'no');
    await admin.replicaof('127.0.0.1', 1);
    await expect(admin.get('x')).rejects.toThrow('MASTERDOWN');
    expect(await generationIn(one)).toBeUndefined();
    expect(one.told).toEqual(['memory miss', 'shared unavailable']);
    await admin.replicaof('NO', 'ONE');
    expect(await generationIn(one)).toBeUndefined();
    expect(one.told.at(-1)).toBe('shared miss');
  });

  it('out of memory: nothing is stored, and it is read', async () => {
    const one = await connected(proxies.proxy());
    await one.cache.put(woken(3));
    await admin.config('SET', 'maxmemory', '1');
    await expect(admin.set('x', 'y')).rejects.toThrow('OOM');
    await one.cache.put(woken(4));
    expect(one.told.at(-1)).toBe('write failed');
    await admin.config('SET', 'maxmemory', '0');
    await one.cache.put(woken(4));
    expect(one.told.at(-1)).toBe('write stored');
  });

  it('that drops its subscribers: they come back', async () => {
    const one = await connected(proxies.proxy());
    expect(await admin.call('CLIENT', ['KILL', 'TYPE', 'pubsub'])).toBe(1);
    await connected(one);
  });

  it('that keeps what should be gone: the reader looks at the age', async () => {
    const [one, later] = [
      await connected(proxies.proxy()),
      await connected(proxies.proxy({ wallClock: () => Date.now() + 3_600_000 })),
    ];
    await one.cache.put(woken(3));
    await admin.persist(key);
    expect(await generationIn(later)).toBeUndefined();
    expect(later.told.at(-1)).toBe('shared expired');
  });
});

describeWithRedis('a Redis that demands', () => {
  it('a login: gets it, and a wrong one is a Redis that is not there', async () => {
    await begin({ login: { user: 'pgwake', password: 'p@ss:w/rd' } });
    const [one, other] = [await connected(proxies.proxy()), await connected(proxies.proxy())];
    await expectSharing(one, other, 3);
    const stranger = proxies.proxy({ url: `redis://pgwake:wrong@${redis.host}:${redis.port}` });
    await waitFor(async () => {
      await stranger.cache.get(demo);
      return stranger.told.some((event) => event.startsWith('unavailable: WRONGPASS'));
    }, recoveryLimitMs);
    expect(await generationIn(stranger)).toBeUndefined();
  });

  it('as few permissions as are written down: they are enough', async () => {
    await begin();
    const reader = ['+zrange', '+unlink', '+subscribe'];
    const writer = ['+multi', '+exec', '+zadd', '+zremrangebyrank', '+pexpire', '+publish'];
    const names = [`~${prefix}node:*`, `&${evictionChannel}`];
    await admin.call('ACL', [
      'SETUSER',
      'proxy',
      'on',
      '>secret',
      'resetchannels',
      ...names,
      '-@all',
      ...reader,
      ...writer,
    ]);
    const url = `redis://proxy:secret@${redis.host}:${redis.port}`;
    const [one, other] = [await connected(proxies.proxy({ url })), await connected(proxies.proxy({ url }))];
    await one.cache.put(woken(3));
    expect(await generationIn(other)).toBe(3);
    await one.cache.evict(suspectOf(woken(3)));
    await waitFor(() => other.heard.includes('eviction'), recoveryLimitMs);
    await admin.zadd(key, 99, 'garbage');
    expect(await generationIn(other)).toBeUndefined();
    await waitFor(async () => (await admin.exists(key)) === 0, recoveryLimitMs);
    expect(one.told).toEqual(['write stored', 'write evicted']);
  });

  it('TLS: speaks it with those whose CA is ours, and with nobody else', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'pgwake-redis-tls-'));
    const [keyFile, certFile] = [join(directory, 'server.key'), join(directory, 'server.crt')];
    execFileSync(
      'openssl',
      `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout ${keyFile} -out ${certFile}`.split(
        ' ',
      ),
      { stdio: 'ignore' },
    );
    const ca = readFileSync(certFile, 'utf8');
    await begin();
    const tlsPort = await findFreePort();
    for (const [name, value] of Object.entries({
      'tls-cert-file': certFile,
      'tls-key-file': keyFile,
      'tls-ca-cert-file': certFile,
      'tls-auth-clients': 'no',
      'tls-port': String(tlsPort),
    })) {
      await admin.config('SET', name, value);
    }
    const url = `rediss://localhost:${tlsPort}`;
    const [one, other] = [await connected(proxies.proxy({ url, ca })), await connected(proxies.proxy({ url, ca }))];
    await expectSharing(one, other, 3);
    const stranger = proxies.proxy({ url });
    await waitFor(async () => {
      await stranger.cache.get(demo);
      return stranger.told.some((event) => event.startsWith('unavailable: self-signed certificate'));
    }, recoveryLimitMs);
    rmSync(directory, { recursive: true });
  });
});

describeWithRedis('proxies that share a Redis', () => {
  beforeEach(() => begin());

  const sessionId = parseSessionId('session-0001') as SessionId;
  const clock: Clock = {
    now: () => performance.now(),
    sleep: (_, signal) =>
      new Promise((__, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    timeout: (_, parent) => ({ signal: parent, release: () => undefined }),
  };
  const mechanism: Mechanism<string> = {
    dialOnce: async (node, attempt) => {
      attempt.onServerByte();
      return { ok: true, connection: `${node.origin} ${node.info.generation}` };
    },
    discard: () => undefined,
  };

  function connectorOf({ cache }: Proxy, wake: WakePort): Connector {
    return createConnector({ cache, wake, clock, random: Math.random, policy: { deadlineMs: millis(10_000) } });
  }

  async function connect(connector: Connector): Promise<string> {
    const signal = new AbortController().signal;
    const result = await connector.connectToCompute({ endpoint: demo, sessionId, user: 'app', mechanism, signal });
    if (!result.ok) throw result.error;
    return result.connection;
  }

  it('wake once between them, and again after wake-service has suspended the compute', async () => {
    const [one, other] = [await connected(proxies.proxy()), await connected(proxies.proxy())];
    const wakeService = proxies.wakeService();
    let [wakes, generation] = [0, 3];
    const wake: WakePort = {
      wake: async () => {
        wakes += 1;
        return { ok: true, node: { ...woken(generation), startKind: 'started' } };
      },
    };
    const [first, second] = [connectorOf(one, wake), connectorOf(other, wake)];
    expect(await connect(first)).toBe('fresh 3');
    await waitFor(() => one.told.includes('write stored'), recoveryLimitMs);
    expect(await connect(second)).toBe('cached 3');
    expect(await connect(first)).toBe('cached 3');
    expect(wakes).toBe(1);

    const heard = (proxy: Proxy) => proxy.heard.includes('eviction');
    await waitFor(async () => {
      await wakeService.evict(nodeOf(3));
      return heard(one) && heard(other);
    }, recoveryLimitMs);
    generation = 4;
    expect(await connect(second)).toBe('fresh 4');
    await waitFor(() => other.told.includes('write stored'), recoveryLimitMs);
    expect(await connect(first)).toBe('cached 4');
    expect(wakes).toBe(2);
  });
});
