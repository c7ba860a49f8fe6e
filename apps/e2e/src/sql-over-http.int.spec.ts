// SQL over HTTP by hand: what the driver does not do. Modes, statuses, browsers, HTTPS, limits, and clients that mean ill.

import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, type IncomingMessage, request as httpRequest } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { type Socket, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ensureCertificate } from '@pgwake/local-certificate';
import { System, type TestEndpoint, waitFor } from '@pgwake/testkit';
import { countRepeats } from './count-repeats.js';

const limitMs = 120_000;
const driverHeaders = { 'neon-raw-text-output': 'true', 'neon-array-mode': 'true' };

let directory: string;
let ca: string;
let system: System;
let shop: TestEndpoint;
let other: TestEndpoint;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'pgwake-https-'));
  const { caFile, certFile, keyFile } = await ensureCertificate(directory, ['api', 'shop']);
  ca = readFileSync(caFile, 'utf8');
  system = await System.start({
    tcpProxies: [],
    httpProxies: [
      { PGWAKE_HTTP_RECEIVE_TIMEOUT_MS: '3000' },
      { PGWAKE_HTTP_TLS: 'on', PGWAKE_TLS_CERT_FILE: certFile, PGWAKE_TLS_KEY_FILE: keyFile },
    ],
    env: { PGWAKE_LOG_LEVEL: 'debug' },
  });
  [shop, other] = await Promise.all([system.createEndpoint('shop'), system.createEndpoint('other')]);
}, limitMs);
afterAll(async () => {
  await system?.stop();
  rmSync(directory, { recursive: true, force: true });
}, limitMs);

/** A connection on which all requests have the same head, but for the length. */
class Wire {
  heard = '';

  constructor(readonly socket: Socket) {
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => (this.heard += chunk.toString('latin1')));
  }

  send(query: string): void {
    const body = JSON.stringify({ query });
    this.heard = '';
    this.socket.write(
      `POST /sql HTTP/1.1\r\nHost: x\r\nNeon-Connection-String: ${system.connectionString(shop)}\r\n` +
        `Content-Length: ${body.length}\r\n\r\n${body}`,
    );
  }

  /** Head and body. */
  async ask(query: string): Promise<string> {
    this.send(query);
    return this.answer();
  }

  async answer(): Promise<string> {
    await waitFor(() => /\r\n\r\n\{.*\}$/s.test(this.heard), 5_000);
    return this.heard;
  }
}

/** Sends the query in a request that is known by its head. What is known is forgotten once a second, so it may take several tries. */
async function sendAgain(query: string): Promise<Wire> {
  for (let tries = 0; tries < 5; tries += 1) {
    const wire = new Wire(connect(Number(new URL(system.httpUrl()).port), '127.0.0.1'));
    await wire.ask('select 1 as n');
    const before = await countRepeats(system);
    wire.send(query);
    await waitFor(async () => (await countRepeats(system)) > before, 500).catch(() => undefined);
    if ((await countRepeats(system)) > before) return wire;
    wire.socket.destroy();
  }
  throw new Error('no request was known');
}

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: Record<string, unknown>;
}

async function post(
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
  init: RequestInit = {},
): Promise<Answer> {
  const response = await fetch(`${system.httpUrl()}/sql`, {
    method: 'POST',
    headers: { 'neon-connection-string': system.connectionString(shop), ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...init,
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: parse(text) };
}

function parse(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}

function linesOf({ text }: Answer): unknown[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
}

async function readText(stream: Readable): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return text;
}

/** What comes back for these bytes until the server closes, or says no more for a while. */
async function sendRaw(bytes: string): Promise<string> {
  const socket = connect(Number(new URL(system.httpUrl()).port), '127.0.0.1');
  let received = '';
  socket.on('data', (chunk) => (received += String(chunk)));
  socket.on('error', () => undefined);
  socket.setTimeout(8_000, () => socket.destroy());
  socket.write(bytes);
  // Not `once`, which takes a reset for a failure: it may come behind the answer.
  await new Promise((resolve) => socket.on('close', resolve));
  return received;
}

describe('a query', () => {
  it('has its values as JSON, and rows as objects, unless asked otherwise', async () => {
    const query = `select 1 as n, 'a' as t, true as b, null as x, '{1,NULL}'::int[] as l, '{"a":1}'::jsonb as j,
      9007199254740993 as big`;
    expect((await post({ query })).json).toMatchObject({
      rows: [{ n: 1, t: 'a', b: true, x: null, l: [1, null], j: { a: 1 }, big: '9007199254740993' }],
      command: 'SELECT',
      rowCount: 1,
      rowAsArray: false,
    });
    expect((await post({ query, arrayMode: true })).json['rows']).toEqual([
      [1, 'a', true, null, [1, null], { a: 1 }, '9007199254740993'],
    ]);
    expect((await post({ query }, driverHeaders)).json['rows']).toEqual([
      ['1', 'a', 't', null, '{1,NULL}', '{"a": 1}', '9007199254740993'],
    ]);
  });

  it('takes parameters of every kind, and integers without loss', async () => {
    const body = `{"query":"select $1::int8 as big, $2::numeric as exact, $3::int8[] as list, $4::jsonb->>'id' as id,
      $5::text[] as words, $6::bool as yes","params":[9007199254740993, 0.1000000000000000055511151231257827,
      [9007199254740993], {"id": 9007199254740993}, ["a\\"b", null], true]}`.replaceAll('\n', ' ');
    expect((await post(body)).json['rows']).toEqual([
      {
        big: '9007199254740993',
        exact: '0.1000000000000000055511151231257827',
        list: ['9007199254740993'],
        id: '9007199254740993',
        words: ['a"b', null],
        yes: true,
      },
    ]);
  });

  it('leaves nothing behind for the next one', async () => {
    for (const query of [
      `set intervalstyle = 'iso_8601'`,
      'create temporary table left_over (a int)',
      'select pg_advisory_lock(7)',
      'begin',
      'listen news',
    ]) {
      expect((await post({ query })).status).toBe(200);
    }
    expect((await post({ query: 'gibberish' })).status).toBe(400);
    const look = `select current_setting('intervalstyle') as style, to_regclass('left_over') as "table",
      (select count(*)::int from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()) as locks,
      (select count(*)::int from pg_listening_channels()) as channels, pg_current_xact_id_if_assigned() is null as fresh`;
    expect((await post({ query: look })).json['rows']).toEqual([
      { style: 'postgres', table: null, locks: 0, channels: 0, fresh: true },
    ]);
  });

  it('finds a connection that others used before it', async () => {
    const pids = new Set<string>();
    for (let round = 0; round < 30; round += 1) pids.add((await post({ query: 'select pg_backend_pid()' })).text);
    // A second one, when a request comes before the reset behind the last one is done.
    expect(pids.size).toBeLessThan(5);
  });

  it('has a connection of its own when it asks for one, which is closed behind it', async () => {
    const alone = { 'neon-pool-opt-in': 'false' };
    const ask = async (headers = {}) => (await post({ query: 'select pg_backend_pid() as pid' }, headers)).text;
    const closes = async () =>
      Number(
        /pgwake_pool_closes_total\{[^}]*reason="notKept"[^}]*\} (\d+)/.exec(
          await system.app('http-proxy').metrics(),
        )?.[1] ?? 0,
      );
    const before = await closes();
    const pooled = new Set([await ask(), await ask({ 'neon-pool-opt-in': 'true' })]);
    const own = new Set<string>();
    for (let round = 0; round < 5; round += 1) own.add(await ask(alone));
    expect(own.size).toBe(5);
    expect([...own].filter((pid) => pooled.has(pid))).toEqual([]);
    await waitFor(async () => (await closes()) === before + 5, 5_000);
    expect(await ask({ 'neon-pool-opt-in': 'perhaps' })).toContain('Neon-Pool-Opt-In is neither true nor false');

    // At most twenty of the endpoint are open, whoever they are for.
    const query = `select pg_sleep(0.1), (select count(*)::int from pg_stat_activity where usename = 'app') as n`;
    const crowd = await Promise.all(Array.from({ length: 50 }, () => post({ query }, alone)));
    const counts = crowd.map(({ json }) => (json['rows'] as { n: number }[])[0]?.n ?? NaN);
    // One that was closed may still be seen for a moment.
    expect(Math.max(...counts)).toBeLessThan(40);
    expect(Math.max(...counts)).toBeGreaterThan(10);
  });

  it('may be many at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, n) => post({ query: 'select $1::int as n, pg_sleep(0.05)', params: [n] })),
    );
    expect(answers.map(({ json }) => (json['rows'] as { n: number }[])[0]?.n)).toEqual(answers.map((_, n) => n));
  });
});

describe('a batch', () => {
  it('tells back its options, and which statement failed', async () => {
    const queries = [{ query: 'select 1 as n' }, { query: 'select 2 as n', arrayMode: true }];
    const options = { 'neon-batch-isolation-level': 'RepeatableRead', 'neon-batch-read-only': 'true' };
    const good = await post({ queries }, options);
    expect(good.json).toMatchObject({ results: [{ rows: [{ n: 1 }] }, { rows: [[2]] }] });
    expect(Object.fromEntries(good.headers)).toMatchObject(options);

    const bad = await post({ queries: [...queries, { query: 'select 1/0' }, { query: 'select 3' }] });
    expect(bad.json).toMatchObject({ code: '22012', message: 'division by zero', statementIndex: 2 });
    expect((await post({ queries: [] })).text).toBe('{"results":[]}');
  });
});

describe('a result line by line', () => {
  const lines = { accept: 'application/x-ndjson' };

  it('has a line for everything, and one at its end', async () => {
    const answer = await post({ queries: [{ query: 'select 1 as n' }, { query: 'create temp table t ()' }] }, lines);
    expect(answer.headers.get('content-type')).toBe('application/x-ndjson');
    expect(linesOf(answer)).toMatchObject([
      { fields: [{ name: 'n' }], rowAsArray: false },
      { row: { n: 1 } },
      { command: 'SELECT', rowCount: 1 },
      { fields: [], rowAsArray: false },
      { command: 'CREATE', rowCount: null },
      { end: 'ok' },
    ]);
  });

  it('says at its end what went wrong in the middle, and by its status what went wrong before', async () => {
    const query = `select case when n = 50000 then 1 / (n - 50000) else n end, repeat('x', 100) from generate_series(1, 60000) n`;
    const answer = await post({ query }, lines);
    expect(answer.status).toBe(200);
    expect(linesOf(answer).at(-1)).toMatchObject({ end: 'error', error: { code: '22012', severity: 'ERROR' } });
    expect((await post({ query: 'select nope' }, lines)).status).toBe(400);
  });

  it(
    'may be larger than the memory of the proxy, and waits for its reader',
    async () => {
      const memory = async () =>
        Number(/process_resident_memory_bytes\{[^}]*\} (\S+)/.exec(await system.app('http-proxy').metrics())?.[1]);
      const before = await memory();
      const response = await fetch(`${system.httpUrl()}/sql`, {
        method: 'POST',
        headers: { 'neon-connection-string': system.connectionString(shop), ...lines },
        body: JSON.stringify({ query: `select repeat('x', 100000) from generate_series(1, 4000)` }),
      });
      let size = 0;
      let most = 0;
      let tail = '';
      for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
        if (size < 10e6 && size + chunk.length >= 10e6) most = Math.max(most, (await memory()) - before);
        size += chunk.length;
        tail = Buffer.from(chunk).subarray(-15).toString();
      }
      expect(size).toBeGreaterThan(400e6);
      expect(tail).toContain('{"end":"ok"}');
      most = Math.max(most, (await memory()) - before);
      expect(most).toBeLessThan(150e6);
    },
    limitMs,
  );
});

describe('an error', () => {
  it('has its true status, and for the driver 400 with that beside it', async () => {
    const wrong = { 'neon-connection-string': system.connectionString({ ...shop, password: 'wrong' }) };
    expect((await post({ query: 'select 1' }, wrong)).status).toBe(401);
    const forDriver = await post({ query: 'select 1' }, { ...wrong, ...driverHeaders });
    expect(forDriver.status).toBe(400);
    expect(forDriver.headers.get('pgwake-status')).toBe('401');
    expect(forDriver.json).toMatchObject({ severity: 'FATAL', code: '28P01' });
  });

  it('is the same whether endpoint, role or password is wrong', async () => {
    const failures = await Promise.all(
      [
        { ...shop, password: 'wrong' },
        { ...shop, endpoint: 'nowhere' },
        { ...shop, endpoint: 'nowhere', password: 'wrong' },
      ].map((each) => post({ query: 'select 1' }, { 'neon-connection-string': system.connectionString(each) })),
    );
    const unknownRole = await post(
      { query: 'select 1' },
      { 'neon-connection-string': system.connectionString({ ...shop, role: 'xyz' }) },
    );
    expect(new Set([...failures, unknownRole].map(({ text }) => text.replace('xyz', 'app'))).size).toBe(1);
    const headers = failures.map(({ headers }) =>
      [...headers].map(([name, value]) => (['date', 'neon-request-id'].includes(name) ? name : `${name}: ${value}`)),
    );
    expect(headers[1]).toEqual(headers[0]);
  });

  it('is for the request that earned it, on a connection that several clients share', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<unknown>();
    const ask = async (who: TestEndpoint): Promise<number | undefined> => {
      const asked = httpRequest(`${system.httpUrl()}/sql`, {
        agent,
        method: 'POST',
        headers: { 'neon-connection-string': system.connectionString(who) },
      });
      asked.end(JSON.stringify({ query: `select 1` }));
      const [answer] = (await once(asked, 'response')) as [IncomingMessage];
      ports.add(answer.socket.localPort);
      await text(answer);
      return answer.statusCode;
    };
    const wrong = { ...shop, password: shop.password.replace(/.$/, (last) => (last === 'x' ? 'y' : 'x')) };
    const statuses: (number | undefined)[] = [];
    for (const who of [shop, shop, wrong, shop, other, wrong, shop]) statuses.push(await ask(who));
    agent.destroy();
    expect(statuses).toEqual([200, 200, 401, 200, 200, 401, 200]);
    expect(ports.size).toBe(1);
  });

  it('tells of a password that was changed, at once for the new and soon for the old one', async () => {
    const changed = await system.createEndpoint('changed');
    const ask = (password: string) =>
      post({ query: 'select 1' }, { 'neon-connection-string': system.connectionString({ ...changed, password }) });
    expect((await ask(changed.password)).status).toBe(200);
    await post(
      { query: `alter role app password 'another'` },
      { 'neon-connection-string': system.connectionString(changed) },
    );
    expect((await ask('another')).status).toBe(200);
    await waitFor(async () => (await ask(changed.password)).status === 401, 5_000);
  });

  it('says that a request took too long, and the database stops as well', async () => {
    const marker = 'select pg_sleep(600) as overdue';
    const answer = await post({ query: marker }, { 'pgwake-timeout-ms': '300' });
    expect([answer.status, answer.json['code']]).toEqual([504, '57014']);
    const query = `select count(*)::int as n from pg_stat_activity where query = $1 and state = 'active'`;
    await waitFor(
      async () => JSON.stringify((await post({ query, params: [marker] })).json['rows']) === '[{"n":0}]',
      5_000,
    );
  });
});

describe('a request like the one before', () => {
  it('is answered as if it were parsed, and errors are its own', async () => {
    const wire = await sendAgain('select 2 as n');
    expect(await wire.answer()).toContain('"rows":[{"n":2}]');
    for (const [query, answer] of [
      ['select 3 as n', '"rows":[{"n":3}]'],
      ['select 1/0', '"code":"22012"'],
      ['select', '"rows":[{}]'],
      ['no sql', '"code":"42601"'],
      ['select 4 as n', '"rows":[{"n":4}]'],
    ] as const) {
      expect(await wire.ask(query)).toContain(answer);
    }
    expect(wire.heard).toMatch(/^HTTP\/1\.1 200 OK\r\n.*neon-request-id: [0-9a-f-]{36}\r\n.*\r\n\r\n\{/s);
    wire.socket.destroy();
  });

  it('ends in the database when its client leaves', async () => {
    const wire = await sendAgain('select pg_sleep(600) as deserted');
    const query = `select count(*)::int as n from pg_stat_activity where query like '%as deserted' and state = 'active'`;
    const running = async () => JSON.stringify((await post({ query })).json['rows']);
    await waitFor(async () => (await running()) === '[{"n":1}]', 5_000);
    wire.socket.destroy();
    await waitFor(async () => (await running()) === '[{"n":0}]', 5_000);
  });
});

describe('a browser', () => {
  it('may ask from any page', async () => {
    const response = await fetch(`${system.httpUrl()}/sql`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://page.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'neon-batch-deferrable,neon-connection-string',
      },
    });
    expect(response.status).toBe(200);
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(response.headers.get('access-control-allow-headers')).toContain('Neon-Batch-Deferrable');
    const origin = 'https://page.example';
    for (const answer of [await post({ query: 'select 1' }, { origin }), await post({ query: 'nope' }, { origin })]) {
      expect(answer.headers.get('access-control-allow-origin')).toBe('*');
      expect(answer.headers.get('access-control-expose-headers')).toContain('Neon-Request-Id');
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(answer.headers.get('neon-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    }
  });

  it('finds nothing elsewhere', async () => {
    for (const [path, method, status] of [
      ['/', 'GET', 404],
      ['/sql/', 'POST', 404],
      ['/sql', 'GET', 405],
      ['/sql?x=y', 'OPTIONS', 200],
    ] as const) {
      expect((await fetch(`${system.httpUrl()}${path}`, { method })).status).toBe(status);
    }
  });
});

describe('a client that means ill', () => {
  const head = (more = '') =>
    `POST /sql HTTP/1.1\r\nHost: x\r\nNeon-Connection-String: ${system.connectionString(shop)}\r\n${more}`;
  const body = '{"query":"select 1"}';

  it.each([
    ['two lengths', () => `${head()}Content-Length: 20\r\nContent-Length: 21\r\n\r\n${body}`],
    ['a length and chunks', () => `${head()}Content-Length: 20\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['an unknown encoding', () => `${head()}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`],
    ['a space before the colon', () => `${head()}Content-Length : 20\r\n\r\n${body}`],
    ['a folded header', () => `${head()}X: a\r\n b: c\r\nContent-Length: 20\r\n\r\n${body}`],
    ['bare line feeds', () => `${head()}Content-Length: 20\r\n\r\n${body}`.replaceAll('\r\n', '\n')],
    ['a NUL in a header', () => `${head()}X: a\0b\r\n\r\n`],
    ['no host', () => 'POST /sql HTTP/1.1\r\n\r\n'],
    ['a TLS hello', () => '\x16\x03\x01\x02\x00\x01\x00'],
    ['a startup packet', () => '\0\0\0\x08\x04\xd2\x16\x2f'],
    ['a chunk of nonsense', () => `${head()}Transfer-Encoding: chunked\r\n\r\nzz\r\n`],
  ])('and sends %s is refused, and the connection ends', async (_, bytes) => {
    const answer = await sendRaw(bytes());
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toMatch(/connection: close/i);
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });

  it('and sends a password of a megabyte, or ten thousand headers, is refused', async () => {
    for (const more of [`X: ${'y'.repeat(1_000_000)}\r\n`, 'X: y\r\n'.repeat(10_000)]) {
      expect(await sendRaw(`${head(more)}\r\n`)).toMatch(/^HTTP\/1\.1 (431|400) /);
    }
  });

  it(
    'and sends its headers or its body slowly is cut off',
    async () => {
      expect(await sendRaw(head())).toMatch(/^HTTP\/1\.1 408 /);
      expect(await sendRaw(`${head()}Content-Length: 20\r\n\r\n{"qu`)).toMatch(/^HTTP\/1\.1 408 |^$/);
    },
    limitMs,
  );

  it(
    'and pipelines a thousand requests gets a thousand answers',
    async () => {
      const one = `${head()}Content-Length: ${body.length}\r\n\r\n${body}`;
      const answer = await sendRaw(one.repeat(999) + one.replace('Host', 'Connection: close\r\nHost'));
      expect(answer.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(1_000);
    },
    limitMs,
  );

  it.each([
    ['no JSON', 'x', 400],
    ['JSON without a query', '{}', 400],
    ['JSON a million levels deep', '['.repeat(1_000_000), 400],
    ['JSON with a million keys', `{"query":"select 1","x":{${'"k":0,'.repeat(1_000_000)}"k":0}}`, 200],
    ['too many parameters', `{"query":"select 1","params":[${'1,'.repeat(65_536)}1]}`, 400],
    ['a prototype', '{"__proto__":{"query":"select 1"},"query":"select 2 as n"}', 200],
    ['too much', 'x'.repeat(11 * 1024 * 1024), 413],
  ])('and sends %s gets its answer', async (_, sent, status) => {
    expect((await post(sent)).status).toBe(status);
    expect((await post({ query: 'select 1' })).status).toBe(200);
  });

  it('and sends a compressed body is refused', async () => {
    expect((await post('x', { 'content-encoding': 'gzip' })).status).toBe(400);
  });

  it.each([
    'postgres://u:p@169.254.169.254/db',
    'postgres://u:p@[::1]:6379/db',
    'postgres://u:p@127.1/db?options=endpoint%3Dshop',
    'postgres://u:p@shop.localhost@evil/db',
    'postgres://u:p@shop.localhost/db?host=10.0.0.1',
    'http://u:p@shop.localhost/db',
    'postgres://u:p@shop.localhost/',
  ])('and names %s is refused', async (connectionString) => {
    const answer = await post({ query: 'select 1' }, { 'neon-connection-string': connectionString });
    expect([answer.status, answer.json['code']]).toEqual([400, '08P01']);
  });

  it('and names two endpoints, or none, is refused', async () => {
    const at = (connectionString: string) =>
      post({ query: 'select 1' }, { 'neon-connection-string': connectionString });
    const { json } = await at(`${system.connectionString(shop)}?options=endpoint%3Dother`);
    expect(json).toMatchObject({ code: '08004' });
    expect((await at('postgres://u:p@elsewhere.example/db')).json).toMatchObject({ code: '08004' });
  });

  it(
    'and keeps an endpoint busy does not slow another',
    async () => {
      const stop = new AbortController();
      const storm = Array.from({ length: 300 }, () =>
        post({ query: 'select pg_sleep(30)' }, {}, { signal: stop.signal }).catch(() => undefined),
      );
      const toOther = { 'neon-connection-string': system.connectionString(other) };
      await post({ query: 'select 1' }, toOther);
      for (let round = 0; round < 20; round += 1) {
        const startedMs = performance.now();
        expect((await post({ query: 'select 1' }, toOther)).status).toBe(200);
        expect(performance.now() - startedMs).toBeLessThan(1_000);
      }
      stop.abort();
      await Promise.all(storm);
      await waitFor(async () => (await post({ query: 'select 1' })).status === 200, 20_000);
    },
    limitMs,
  );
});

describe('over TLS', () => {
  const body = JSON.stringify({ query: 'select current_user as me' });
  const port = () => Number(new URL(system.httpUrl('https', 2)).port);

  it.each(['api.localhost', 'shop.localhost'])('HTTP/1.1 answers at %s', async (servername) => {
    const request = httpsRequest({
      host: '127.0.0.1',
      port: port(),
      servername,
      ca,
      path: '/sql',
      method: 'POST',
      headers: { host: servername, 'neon-connection-string': system.connectionString(shop) },
    });
    request.end(body);
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    expect(parse(await readText(response))).toMatchObject({ rows: [{ me: 'app' }] });
  });

  it('HTTP/1.1 answers many on one connection, short and long', async () => {
    const wire = new Wire(connectTls({ host: '127.0.0.1', port: port(), servername: 'api.localhost', ca }));
    for (let n = 1; n < 200_000; n *= 3) {
      expect(await wire.ask(`select repeat('x', ${n}) as x`)).toContain(`{"x":"${'x'.repeat(n)}"}`);
    }
    wire.socket.destroy();
    expect(await countRepeats(system, 2)).toBeGreaterThan(8);
  });

  it('HTTP/2 answers, many at once on one connection, and hears of those who leave', async () => {
    const session = connectHttp2(`https://127.0.0.1:${port()}`, { servername: 'api.localhost', ca });
    const open = (query: string) => {
      const headers = { ':method': 'POST', ':path': '/sql', 'neon-connection-string': system.connectionString(shop) };
      const stream = session.request(headers);
      stream.end(JSON.stringify({ query }));
      return stream;
    };
    const texts = await Promise.all(Array.from({ length: 50 }, (_, n) => readText(open(`select ${n} as n`))));
    expect(texts.map((text) => parse(text)['rows'])).toEqual(texts.map((_, n) => [{ n }]));

    const leaver = open('select pg_sleep(600) as forsaken');
    const count = `select count(*)::int as n from pg_stat_activity where query like '%as forsaken' and state = 'active'`;
    const running = async () => JSON.stringify((await post({ query: count })).json['rows']);
    await waitFor(async () => (await running()) === '[{"n":1}]', 5_000);
    leaver.close();
    await waitFor(async () => (await running()) === '[{"n":0}]', 5_000);
    session.close();
    await once(session, 'close');
  });

  it('plain HTTP gets no answer', async () => {
    const socket = connect(port(), '127.0.0.1').on('error', () => undefined);
    socket.write('POST /sql HTTP/1.1\r\n\r\n');
    let received = '';
    socket.on('data', (chunk) => (received += String(chunk)));
    await once(socket, 'close');
    expect(received).toBe('');
  });
});

describe('nothing that was answered or logged', () => {
  it('holds a password, a query, an address of a compute or a stack', async () => {
    const { log } = system.app('http-proxy');
    expect(log).toContain('request refused');
    for (const secret of [shop.password, 'wrong', 'select ', 'pg_sleep', '.s.PGSQL', 'node_modules', '    at ']) {
      expect([secret, log.includes(secret)]).toEqual([secret, false]);
    }
  });
});

describe('at the end', () => {
  it('requests under way are finished, on connections that say that they end', async () => {
    const app = system.app('http-proxy');
    const wire = await sendAgain('select pg_sleep(2), 2 as n');
    const underWay = post({ query: 'select pg_sleep(1), 1 as n' });
    await waitFor(async () => /pgwake_pool_connections\{state="open"[^}]*\} [1-9]/.test(await app.metrics()), 5_000);
    const ended = app.end('SIGTERM');
    const answer = await underWay;
    expect(answer.status).toBe(200);
    expect(answer.headers.get('connection')).toBe('close');
    expect(await wire.answer()).toMatch(/^HTTP\/1\.1 200 OK\r\n.*\r\nconnection: close\r\n.*"n":2/s);
    await ended;
    expect(app.log).toContain('"msg":"ended"');
  });
});
