import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type Socket, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type LeakCheck, type TestRedis, skipWithoutRedis, startLeakCheck, startTestRedis } from './index.js';
import { locateRedisServer } from './redis-binary.js';

const describeWithRedis = await skipWithoutRedis(describe);

let leaks: LeakCheck;
let running: TestRedis[];
let sockets: Socket[];

beforeEach(() => {
  leaks = startLeakCheck();
  running = [];
  sockets = [];
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all(running.map((redis) => redis.stop()));
  await leaks.expectNothingLeft();
});

async function start(options?: Parameters<typeof startTestRedis>[0]): Promise<TestRedis> {
  const redis = await startTestRedis(options);
  running.push(redis);
  return redis;
}

async function dial(redis: TestRedis, over: 'tcp' | 'unix' = 'tcp'): Promise<Socket> {
  const socket = over === 'tcp' ? connect(redis.port, redis.host) : connect(redis.socketPath);
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

/** The first chunk of the answer, which for these commands is all of it. */
async function ask(socket: Socket, command: string): Promise<string> {
  socket.write(`${command}\r\n`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  return answer.toString();
}

describeWithRedis('startTestRedis', () => {
  it('answers over TCP and over the unix socket, and is gone after stop', async () => {
    const redis = await start();
    expect(await ask(await dial(redis), 'PING')).toBe('+PONG\r\n');
    expect(await ask(await dial(redis, 'unix'), 'PING')).toBe('+PONG\r\n');
    expect(redis.url).toBe(`redis://127.0.0.1:${redis.port}`);
    await redis.stop();
    expect(existsSync(redis.socketPath)).toBe(false);
    expect(() => process.kill(redis.pid, 0)).toThrow('ESRCH');
  });

  it('says nothing while it is frozen, and what it owes when it thaws', async () => {
    const redis = await start();
    const socket = await dial(redis);
    await redis.freeze();
    const answer = ask(socket, 'PING');
    expect(await Promise.race([answer, sleep(100, 'silence')])).toBe('silence');
    redis.thaw();
    expect(await answer).toBe('+PONG\r\n');
  });

  it('dies even when frozen, and comes back empty at the same port', async () => {
    const redis = await start();
    const { pid, port } = redis;
    const socket = await dial(redis);
    expect(await ask(socket, 'SET key value')).toBe('+OK\r\n');
    await redis.freeze();
    await redis.kill();
    await expect(dial(redis)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await redis.restart();
    expect(redis.port).toBe(port);
    expect(redis.pid).not.toBe(pid);
    expect(await ask(await dial(redis), 'GET key')).toBe('$-1\r\n');
  });

  it('demands a login when told to', async () => {
    const password = `p"w '>\\`;
    const [named, unnamed] = [
      await start({ login: { user: 'pgwake', password } }),
      await start({ login: { password } }),
    ];
    for (const [redis, credentials] of [
      [named, ['pgwake', password]],
      [unnamed, [password]],
    ] as const) {
      const socket = await dial(redis);
      expect(await ask(socket, 'PING')).toContain('NOAUTH');
      const words = ['AUTH', ...credentials].map((word) => `$${word.length}\r\n${word}\r\n`);
      expect(await ask(socket, `*${words.length}\r\n${words.join('')}`.slice(0, -2))).toBe('+OK\r\n');
    }
    expect(new URL(named.url)).toMatchObject({ username: 'pgwake', password: encodeURIComponent(password) });
  });

  it('takes settings, and rejects with the words of Redis when they are wrong', async () => {
    const redis = await start({ settings: { 'maxmemory-policy': 'noeviction', maxmemory: '1' } });
    expect(await ask(await dial(redis), 'SET key value')).toContain('OOM');
    await expect(start({ settings: { port: 'none' } })).rejects.toThrow('FATAL CONFIG FILE ERROR');
  });
});

describe('locateRedisServer', () => {
  it('believes REDIS_SERVER_BIN, or says that it is wrong', async () => {
    expect(await locateRedisServer({ REDIS_SERVER_BIN: process.execPath })).toEqual({
      path: process.execPath,
      env: {},
    });
    await expect(locateRedisServer({ REDIS_SERVER_BIN: '/nowhere/redis' })).rejects.toThrow('/nowhere/redis');
  });

  it('takes the first redis-server on the PATH that can be run', async () => {
    const directories = ['empty', 'not-executable', 'good'].map((name) =>
      mkdtempSync(join(tmpdir(), `pgwake-${name}-`)),
    );
    const [, plain = '', good = ''] = directories;
    writeFileSync(join(plain, 'redis-server'), '', { mode: 0o600 });
    writeFileSync(join(good, 'redis-server'), '', { mode: 0o700 });
    const found = await locateRedisServer({ PATH: `:${directories.join(':')}` });
    expect(found?.path).toBe(join(good, 'redis-server'));
    for (const directory of directories) rmSync(directory, { recursive: true });
  });
});
