// The Postgres protocol over WebSockets: with the public serverless driver as it is, and with bytes where it says too little.

import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent } from 'node:https';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Client, type ClientBase, Pool, neon, neonConfig } from '@neondatabase/serverless';
import { ensureCertificate } from '@pgwake/local-certificate';
import { encodePasswordMessage, encodeSslRequest, encodeStartupMessage } from '@pgwake/pg-wire';
import { System, type TestEndpoint, waitFor } from '@pgwake/testkit';
import { WebSocket } from 'ws';

const limitMs = 120_000;
const [plain, secure, drained] = [1, 2, 3];
const keepAliveMs = 1_000;

let directory: string;
let ca: string;
let system: System;
let shop: TestEndpoint;
const sockets: WebSocket[] = [];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'pgwake-wss-'));
  const { caFile, certFile, keyFile } = await ensureCertificate(directory, ['shop']);
  ca = readFileSync(caFile, 'utf8');
  system = await System.start({
    tcpProxies: [],
    httpProxies: [
      { PGWAKE_HTTP_KEEP_ALIVE_MS: String(keepAliveMs) },
      { PGWAKE_HTTP_TLS: 'on', PGWAKE_TLS_CERT_FILE: certFile, PGWAKE_TLS_KEY_FILE: keyFile },
      { PGWAKE_DRAIN_TIMEOUT_MS: '5000' },
    ],
  });
  shop = await system.createEndpoint('shop');
  neonConfig.webSocketConstructor = WebSocket;
  neonConfig.useSecureWebSocket = false;
  neonConfig.wsProxy = (host, port) => `${authority(plain)}/v2?address=${host}:${port}`;
  neonConfig.fetchEndpoint = `${system.httpUrl()}/sql`;
}, limitMs);
afterEach(() => {
  neonConfig.pipelineConnect = 'password';
  for (const socket of sockets.splice(0)) socket.terminate();
});
afterAll(async () => {
  await system?.stop();
  rmSync(directory, { recursive: true, force: true });
}, limitMs);

function authority(proxy: number): string {
  return new URL(system.httpUrl('http', proxy)).host;
}

const url = (changes: Readonly<Record<string, string>> = {}): string =>
  Object.entries(changes).reduce((text, [from, to]) => text.replace(from, to), system.connectionString(shop));

async function withClient<T>(connectionString: string, work: (client: ClientBase) => Promise<T>): Promise<T> {
  const client = new Client(connectionString);
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** A client that speaks bytes. */
class RawClient {
  readonly socket: WebSocket;
  heard = Buffer.alloc(0);
  closed: number | undefined;

  constructor(target = `ws://${authority(plain)}/v2`, options: ConstructorParameters<typeof WebSocket>[2] = {}) {
    this.socket = new WebSocket(target, { headers: { host: 'shop.localhost' }, ...options });
    sockets.push(this.socket);
    this.socket.on('error', () => undefined);
    this.socket.on('message', (data) => (this.heard = Buffer.concat([this.heard, data as Buffer])));
    this.socket.on('close', (code) => (this.closed = code));
  }

  async opened(): Promise<this> {
    await once(this.socket, 'open');
    return this;
  }

  /** Tags of the messages heard. */
  get tags(): string {
    let tags = '';
    for (let at = 0; at + 5 <= this.heard.length; at += 1 + this.heard.readUInt32BE(at + 1)) {
      tags += String.fromCharCode(this.heard[at] ?? 0);
    }
    return tags;
  }

  async hears(pattern: RegExp): Promise<void> {
    await waitFor(() => pattern.test(this.tags), 20_000);
  }
}

function query(sql: string): Buffer {
  const text = Buffer.from(`${sql}\0`);
  const header = Buffer.from('Q\0\0\0\0');
  header.writeUInt32BE(text.length + 4, 1);
  return Buffer.concat([header, text]);
}

/** What drivers send before they have heard anything. */
function firstBytes(parameters: readonly (readonly [string, string])[] = []): Buffer {
  const { role, password, database } = shop;
  const startup = encodeStartupMessage([['user', role], ['database', database], ...parameters]);
  return Buffer.concat([startup, encodePasswordMessage(password), query("select 'good morning'")]);
}

describe('a session on a connection that was used for a request before', () => {
  it('stays open for longer than a connection without a request does', async () => {
    const { hostname, port } = new URL(system.httpUrl('http', plain));
    const socket = connect(Number(port), hostname);
    let heard = '';
    socket.on('data', (chunk) => (heard += chunk.toString('latin1')));
    const host = 'Host: shop.localhost\r\n';
    socket.write(`GET /nothing HTTP/1.1\r\n${host}\r\n`);
    await waitFor(() => heard.includes('there is nothing'), 5_000);
    const key = Buffer.alloc(16).toString('base64');
    const upgrade = `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n`;
    socket.write(`GET /v2 HTTP/1.1\r\n${host}${upgrade}\r\n`);
    await waitFor(() => heard.includes(' 101 '), 5_000);
    await sleep(keepAliveMs * 3);
    expect([socket.destroyed, socket.readableEnded]).toEqual([false, false]);
    socket.destroy();
  });
});

describe('the serverless driver', () => {
  it(
    'wakes the compute with a pool whose clients send everything at once',
    async () => {
      const pool = new Pool({ connectionString: url(), max: 3 });
      const rows = await Promise.all(
        [1, 2, 3, 4, 5].map(async (n) => (await pool.query('select $1::int as n', [n])).rows),
      );
      expect(rows.flat()).toEqual([1, 2, 3, 4, 5].map((n) => ({ n })));
      await pool.end();
      expect(await system.show('shop')).toMatchObject({ state: 'running', generation: 1 });
    },
    limitMs,
  );

  it('has sessions: transactions, prepared statements, settings, notices, notifications', async () => {
    await withClient(url(), async (client) => {
      const notices: string[] = [];
      client.on('notice', ({ message }) => notices.push(message ?? ''));
      const heard = once(client, 'notification');
      await client.query('create table if not exists kept (id int)');
      await client.query('begin');
      await client.query('insert into kept values (1)');
      await client.query('rollback');
      expect((await client.query('select * from kept')).rows).toEqual([]);
      expect((await client.query({ name: 'twice', text: 'select $1::int * 2 as n', values: [21] })).rows).toEqual([
        { n: 42 },
      ]);
      await client.query("set application_name = 'over a WebSocket'");
      expect((await client.query('show application_name')).rows).toEqual([{ application_name: 'over a WebSocket' }]);
      await client.query(`do $$ begin raise notice 'heard'; end $$`);
      expect(notices).toEqual(['heard']);
      await client.query('listen news');
      await client.query(`notify news, 'today'`);
      expect((await heard)[0]).toMatchObject({ channel: 'news', payload: 'today' });
    });
  });

  it('reads the same error as over HTTP', async () => {
    const sql = 'select nothing_like_it from pg_class';
    const overHttp = (await neon(url())
      .query(sql)
      .catch((error: unknown) => error)) as Record<string, unknown>;
    const overWebSocket = await withClient(url(), (client) =>
      client.query(sql).then(
        (): Record<string, unknown> => ({}),
        (error: unknown) => error as Record<string, unknown>,
      ),
    );
    const fields = ['severity', 'code', 'message', 'position', 'file', 'line', 'routine', 'detail', 'hint'];
    for (const field of fields) expect([field, overWebSocket[field]]).toEqual([field, overHttp[field]]);
  });

  it('may wait for every answer instead of sending all at once', async () => {
    neonConfig.pipelineConnect = false;
    expect(await withClient(url(), async (client) => (await client.query('select 1 as n')).rows)).toEqual([{ n: 1 }]);
  });

  it.each([
    ['a wrong password', () => url({ [shop.password]: 'wrong' })],
    ['an unknown endpoint', () => url({ 'shop.': 'nowhere.' })],
  ])('is told of %s as of any other', async (_what, make) => {
    neonConfig.pipelineConnect = false;
    const client = new Client(make());
    client.on('error', () => undefined);
    await expect(client.connect()).rejects.toMatchObject({
      code: '28P01',
      message: 'password authentication failed for user "app"',
    });
  });

  it('carries megabytes both ways', async () => {
    const text = 'x'.repeat(5_000_000);
    const rows = await withClient(url(), async (client) => {
      const { rows } = await client.query("select length($1) as sent, repeat('y', 5000000) as got", [text]);
      return rows as { sent: number; got: string }[];
    });
    expect(rows[0]?.sent).toBe(5_000_000);
    expect(rows[0]?.got).toHaveLength(5_000_000);
  });
});

describe('a stream inside a WebSocket', () => {
  it.each([
    ['in one frame', (bytes: Buffer) => [bytes]],
    ['byte by byte', (bytes: Buffer) => [...bytes].map((byte) => Buffer.of(byte))],
    [
      'cut in the middle of messages',
      (bytes: Buffer) => [bytes.subarray(0, 6), bytes.subarray(6, 70), bytes.subarray(70)],
    ],
  ])('may come %s', async (_how, cut) => {
    const client = await new RawClient().opened();
    for (const frame of cut(firstBytes())) client.socket.send(frame);
    await client.hears(/^RR.*Z.*Z$/);
    expect(client.heard.toString('latin1')).toContain('good morning');
  });

  it('names its endpoint by the Host, by ?address=, or in its options', async () => {
    for (const [target, host, parameters] of [
      ['/v2', 'SHOP.localhost:4444', []],
      ['/v1?address=shop.localhost:5432', 'localhost', []],
      ['/', 'localhost', [['options', 'endpoint=shop']]],
    ] as const) {
      const client = await new RawClient(`ws://${authority(plain)}${target}`, { headers: { host } }).opened();
      client.socket.send(firstBytes(parameters));
      await client.hears(/^RR.*Z.*Z$/);
    }
  });

  it('is refused when it names two endpoints', async () => {
    const client = await new RawClient().opened();
    client.socket.send(firstBytes([['options', 'endpoint=other']]));
    await waitFor(() => client.closed !== undefined, 20_000);
    expect(client.tags).toBe('E');
    expect(client.heard.toString('latin1')).toContain('08004');
    expect(client.closed).toBe(1000);
  });

  it('has no TLS of its own: a request for it is answered N', async () => {
    const client = await new RawClient().opened();
    client.socket.send(encodeSslRequest());
    await waitFor(() => client.heard.length > 0, 20_000);
    expect(client.heard.toString()).toBe('N');
    client.heard = Buffer.alloc(0);
    client.socket.send(firstBytes());
    await client.hears(/^RR.*Z.*Z$/);
  });

  it('ends with 1003 at a text frame', async () => {
    const client = await new RawClient().opened();
    client.socket.send('select 1');
    await waitFor(() => client.closed !== undefined, 20_000);
    expect(client.closed).toBe(1003);
  });

  it('runs over TLS as well', async () => {
    const port = authority(secure).split(':')[1];
    const client = await new RawClient(`wss://127.0.0.1:${port}/v2`, {
      headers: { host: 'shop.localhost' },
      agent: new Agent({ ca, servername: 'shop.localhost' }),
    }).opened();
    client.socket.send(firstBytes());
    await client.hears(/^RR.*Z.*Z$/);
  });

  it('is not begun on a connection whose requests have logged in', async () => {
    const { hostname, port } = new URL(system.httpUrl());
    const socket = connect(Number(port), hostname);
    let heard = '';
    socket.on('data', (chunk) => (heard += chunk.toString()));
    const body = '{"query":"select 1","params":[]}';
    const host = 'Host: shop.localhost';
    socket.write(
      `POST /sql HTTP/1.1\r\n${host}\r\nNeon-Connection-String: ${url()}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    await waitFor(() => heard.includes('"rows"'), 20_000);
    heard = '';
    const handshake = [
      'GET /v2 HTTP/1.1',
      host,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ];
    socket.write(`${handshake.join('\r\n')}\r\n\r\n`);
    await waitFor(() => heard.includes('connection of its own'), 20_000);
    expect(heard).toContain('HTTP/1.1 400');
    socket.destroy();
  });
});

describe('a password over WebSocket', () => {
  const logIn = (connectionString: string) =>
    withClient(connectionString, async (client) => (await client.query('select 1 as n')).rows);

  beforeEach(() => {
    neonConfig.pipelineConnect = false;
  });

  it(
    'that a request has just proved logs in a session while wake-service does not answer, a wrong one does not',
    async () => {
      await neon(url())`select 1`;
      const { pid } = system.app('wake-service');
      process.kill(pid, 'SIGSTOP');
      try {
        expect(await logIn(url())).toEqual([{ n: 1 }]);
        const wrong = await new RawClient().opened();
        wrong.socket.send(encodeStartupMessage([['user', shop.role]]));
        await wrong.hears(/^R/);
        wrong.socket.send(encodePasswordMessage('wrong'));
        // What is known is not enough to say so: the password may be newer.
        await sleep(200);
        expect(wrong.tags).toBe('R');
      } finally {
        process.kill(pid, 'SIGCONT');
      }
    },
    limitMs,
  );

  it(
    'that was changed in SQL works at once, and the one before it for two seconds at most',
    async () => {
      const changed = await system.createEndpoint('changed');
      const before = system.connectionString(changed);
      await withClient(before, (client) => client.query("alter role app password 'another'"));
      expect(await logIn(before.replace(changed.password, 'another'))).toEqual([{ n: 1 }]);
      const refused = () =>
        logIn(before).then(
          () => undefined,
          (error: { code: string }) => error.code,
        );
      await waitFor(async () => (await refused()) === '28P01', 5_000);
    },
    limitMs,
  );

  it('does not count from a network that is not allowed', async () => {
    const fenced = await system.createEndpoint('fenced');
    await system.admin('PATCH', '/endpoints/fenced', { allowedNetworks: ['203.0.113.0/24'] });
    for (const password of [fenced.password, 'wrong']) {
      await expect(logIn(system.connectionString({ ...fenced, password }))).rejects.toMatchObject({ code: '28000' });
    }
    expect(await system.show('fenced')).toMatchObject({ state: 'suspended', generation: 0 });
  });
});

describe('draining', () => {
  it(
    'ends an idle session with 57P01 and 1001, and lets a query finish',
    async () => {
      const [idle, busy] = await Promise.all(
        [1, 2].map(async () => {
          const client = await new RawClient(`ws://${authority(drained)}/v2`).opened();
          client.socket.send(firstBytes());
          await client.hears(/^RR.*Z.*Z$/);
          return client;
        }),
      );
      busy?.socket.send(query("select pg_sleep(1), 'finished'"));
      await sleep(200); // until it runs: a drain may take an idle session away from under it
      const ended = system.endApp('http-proxy', 'SIGTERM', drained);
      await waitFor(() => idle?.closed !== undefined && busy?.closed !== undefined, 20_000);
      await ended;
      expect([idle?.closed, busy?.closed]).toEqual([1001, 1001]);
      expect(idle?.heard.toString('latin1')).toContain('57P01');
      expect(busy?.heard.toString('latin1')).toMatch(/finished[^]*57P01/);
    },
    limitMs,
  );
});
