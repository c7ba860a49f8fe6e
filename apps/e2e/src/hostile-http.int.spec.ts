// The HTTP corpus against the built proxy: requests that are read in two ways, that are no requests, or that never end. Every
// entry has its answers, in their order, after which the connection ends; and nobody else notices.

import { type Socket, connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { System, type TestEndpoint, waitFor } from '@pgwake/testkit';
import { WebSocket } from 'ws';
import { countRepeats } from './count-repeats.js';

const limitMs = 120_000;
const closeLimitMs = 15_000;
const body = '{"query":"select 1 as n"}';
const length = `Content-Length: ${body.length}\r\n`;
const last = 'Connection: close\r\n';

let system: System;
let shop: TestEndpoint;
const sockets: Socket[] = [];

beforeAll(async () => {
  system = await System.start({
    tcpProxies: [],
    httpProxies: [{ PGWAKE_HTTP_RECEIVE_TIMEOUT_MS: '2000', PGWAKE_LOGIN_TIMEOUT_MS: '1000' }],
  });
  shop = await system.createEndpoint('shop');
}, limitMs);
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  expect(statusesIn(await hear([`${head(last + length)}\r\n${body}`]))).toEqual([200]);
});
afterAll(async () => {
  const log = system?.logOf('http-proxy');
  await system?.stop();
  expect(log).not.toContain('INTERNAL');
}, limitMs);

function head(more = ''): string {
  return `POST /sql HTTP/1.1\r\nHost: x\r\nNeon-Connection-String: ${system.connectionString(shop)}\r\n${more}`;
}

function ask(query: string, more = ''): string {
  const text = JSON.stringify({ query });
  return `${head(`${more}Content-Length: ${text.length}\r\n`)}\r\n${text}`;
}

function chunked(...chunks: readonly string[]): string {
  return [...chunks, ''].map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('');
}

function dial(): Socket {
  const socket = connect(Number(new URL(system.httpUrl()).port), '127.0.0.1');
  socket.on('error', () => undefined);
  sockets.push(socket);
  return socket;
}

/**
 * What comes back for these bytes until the server ends the connection; for those of `before`, one after the other, it was
 * waited already. Rejects if it does not end.
 */
async function hear(parts: readonly (string | Buffer)[], before: readonly string[] = []): Promise<string> {
  const socket = dial();
  let heard = '';
  let ended = false;
  socket.on('data', (chunk) => (heard += chunk.toString('latin1')));
  socket.on('close', () => (ended = true));
  for (const request of before) {
    heard = '';
    socket.write(request);
    await waitFor(() => /\r\n\r\n\{.*\}$/s.test(heard), closeLimitMs);
  }
  heard = '';
  for (const part of parts) socket.write(part);
  await waitFor(() => ended, closeLimitMs);
  return heard;
}

function statusesIn(heard: string): number[] {
  return [...heard.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));
}

interface Entry {
  readonly name: string;
  readonly bytes: () => string | readonly (string | Buffer)[];
  readonly statuses: readonly number[];
}

const whereABodyEnds: readonly Entry[] = [
  { name: 'equal lengths twice', bytes: () => `${head(length + length)}\r\n${body}`, statuses: [400] },
  { name: 'a list of lengths', bytes: () => `${head('Content-Length: 20, 20\r\n')}\r\n${body}`, statuses: [400] },
  { name: 'a length with a sign', bytes: () => `${head('Content-Length: +20\r\n')}\r\n${body}`, statuses: [400] },
  { name: 'a length below zero', bytes: () => `${head('Content-Length: -1\r\n')}\r\n${body}`, statuses: [400] },
  { name: 'a length in hexadecimal', bytes: () => `${head('Content-Length: 0x14\r\n')}\r\n${body}`, statuses: [400] },
  {
    name: 'a length beyond all numbers',
    bytes: () => `${head(`Content-Length: ${'9'.repeat(30)}\r\n`)}\r\n${body}`,
    statuses: [400],
  },
  {
    name: 'chunks, a length, and a request between the two',
    bytes: () =>
      `${head('Transfer-Encoding: chunked\r\nContent-Length: 4\r\n')}\r\n0\r\n\r\nGET /other HTTP/1.1\r\nHost: x\r\n\r\n`,
    statuses: [400],
  },
  {
    name: 'chunks twice',
    bytes: () => `${head('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n')}\r\n${chunked(body)}`,
    statuses: [400],
  },
  {
    name: 'chunks of something compressed',
    bytes: () => `${head(`${last}Transfer-Encoding: gzip, chunked\r\n`)}\r\n${chunked(body)}`,
    statuses: [400],
  },
  {
    name: 'almost chunks',
    bytes: () => `${head('Transfer-Encoding: xchunked\r\n')}\r\n${chunked(body)}`,
    statuses: [400],
  },
  {
    name: 'a flood of chunk extensions',
    bytes: () => `${head('Transfer-Encoding: chunked\r\n')}\r\n1;${'a'.repeat(20_000)}\r\nx\r\n`,
    statuses: [400],
  },
  {
    name: 'a chunk whose line ends in a bare line feed',
    bytes: () => `${head('Transfer-Encoding: chunked\r\n')}\r\n${chunked(body).replace('\r\n', '\n')}`,
    statuses: [400],
  },
  {
    name: 'a chunk longer than any number',
    bytes: () => `${head('Transfer-Encoding: chunked\r\n')}\r\n${'f'.repeat(17)}\r\n`,
    statuses: [400],
  },
  {
    name: 'headers behind the chunks that would change the request',
    bytes: () =>
      `${head(`${last}Transfer-Encoding: chunked\r\n`)}\r\n${chunked(body).slice(0, -2)}Neon-Connection-String: postgres://a:b@other.localhost/d\r\n\r\n`,
    statuses: [200],
  },
  {
    name: 'ten thousand headers behind the chunks',
    bytes: () =>
      `${head('Transfer-Encoding: chunked\r\n')}\r\n${chunked(body).slice(0, -2)}${'X: y\r\n'.repeat(10_000)}\r\n`,
    statuses: [431],
  },
  {
    name: 'a request as the body of another',
    bytes: () => {
      const inner = 'GET /sql HTTP/1.1\r\nHost: x\r\n\r\n';
      return `POST /other HTTP/1.1\r\nHost: x\r\nContent-Length: ${inner.length}\r\n\r\n${inner}GET /last HTTP/1.1\r\nHost: x\r\n${last}\r\n`;
    },
    statuses: [404, 404],
  },
  // Without a length there is no body, and what follows is the next request.
  { name: 'a body of no length', bytes: () => `${head()}\r\n${body}`, statuses: [400] },
];

const lines: readonly Entry[] = [
  {
    name: 'a carriage return inside a header',
    bytes: () => `${head(`X: a\rb\r\n${length}`)}\r\n${body}`,
    statuses: [400],
  },
  {
    name: 'a carriage return as the end of a header',
    bytes: () => `${head(`X: a\r${length}`)}\r\n${body}`,
    statuses: [400],
  },
  { name: 'a header of 20 KB', bytes: () => `${head(`X: ${'y'.repeat(20_000)}\r\n`)}\r\n`, statuses: [431] },
  { name: 'HTTP/1.2', bytes: () => head(length).replace('/1.1', '/1.2') + `\r\n${body}`, statuses: [400] },
  { name: 'HTTP/1.0', bytes: () => head(length).replace('/1.1', '/1.0') + `\r\n${body}`, statuses: [200] },
  { name: 'the beginning of HTTP/2', bytes: () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', statuses: [400] },
  { name: 'two hosts', bytes: () => `${head(`Host: y\r\n${last}${length}`)}\r\n${body}`, statuses: [400] },
  {
    name: 'a host that is none',
    bytes: () => `${head(last + length)}\r\n${body}`.replace('Host: x', 'Host: a@b/c'),
    statuses: [400],
  },
  {
    name: 'two connection strings',
    bytes: () => `${head(`${last}Neon-Connection-String: postgres://a:b@other.localhost/d\r\n${length}`)}\r\n${body}`,
    statuses: [400],
  },
  {
    name: 'two tokens',
    // With one of them it would be 401.
    bytes: () =>
      `${head(`${last}Authorization: Bearer a\r\nAuthorization: Bearer b\r\n${length}`)}\r\n${body}`.replace(
        `:${shop.password}@`,
        '@',
      ),
    statuses: [400],
  },
  {
    name: 'another connection string in its target',
    bytes: () =>
      `${head(last + length).replace('/sql', '/sql?connectionString=postgres://a:b@other.localhost/d')}\r\n${body}`,
    statuses: [200],
  },
  {
    name: 'an expectation',
    bytes: () => `${head(`${last}${length}Expect: 100-continue\r\n`)}\r\n${body}`,
    statuses: [100, 200],
  },
  { name: 'an unknown expectation', bytes: () => `${head(`${last}Expect: more\r\n`)}\r\n`, statuses: [417] },
];

const targets: readonly Entry[] = [
  {
    name: 'an absolute target',
    bytes: () => `${head(last + length).replace('/sql', 'http://evil.example/sql')}\r\n${body}`,
    statuses: [200],
  },
  {
    name: 'an absolute target of another path',
    bytes: () => `${head(last + length).replace('/sql', 'http://evil.example/other/sql')}\r\n${body}`,
    statuses: [404],
  },
  { name: 'a target that is everything', bytes: () => `OPTIONS * HTTP/1.1\r\nHost: x\r\n${last}\r\n`, statuses: [404] },
  {
    name: 'CONNECT, and bytes for the other side',
    bytes: () => 'CONNECT 127.0.0.1:5432 HTTP/1.1\r\nHost: x\r\n\r\nhello',
    statuses: [405],
  },
  ...['HEAD', 'GET', 'PUT', 'PATCH', 'DELETE', 'TRACE'].map((method) => ({
    name: method,
    bytes: () => `${method} /sql HTTP/1.1\r\nHost: x\r\n${last}\r\n`,
    statuses: [405],
  })),
  { name: 'a method that is none', bytes: () => 'FOO /sql HTTP/1.1\r\nHost: x\r\n\r\n', statuses: [400] },
  {
    name: 'a wish for HTTP/2, as curl --http2 sends it',
    bytes: () =>
      `${head(`Connection: close, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n${length}`)}\r\n${body}`,
    statuses: [200],
  },
  {
    name: 'a wish for TLS',
    bytes: () => 'GET /sql HTTP/1.1\r\nHost: x\r\nConnection: close, Upgrade\r\nUpgrade: TLS/1.2\r\n\r\n',
    statuses: [405],
  },
];

const bodies: readonly Entry[] = [
  { name: 'nothing', bytes: () => `${head(`${last}Content-Length: 0\r\n`)}\r\n`, statuses: [400] },
  {
    name: 'UTF-16',
    bytes: () => {
      const text = Buffer.from(`\ufeff${body}`, 'utf16le');
      return [`${head(`${last}Content-Length: ${text.length}\r\n`)}\r\n`, text];
    },
    statuses: [400],
  },
  {
    name: 'a NUL in the query',
    bytes: () => {
      const text = '{"query":"select \\u0000 1"}';
      return `${head(`${last}Content-Length: ${text.length}\r\n`)}\r\n${text}`;
    },
    statuses: [400],
  },
  {
    name: '65 levels',
    bytes: () => {
      const text = `{"query":"select 1","params":[${'['.repeat(65)}${']'.repeat(65)}]}`;
      return `${head(`${last}Content-Length: ${text.length}\r\n`)}\r\n${text}`;
    },
    statuses: [400],
  },
];

describe.each([
  ['where a body ends', whereABodyEnds],
  ['the lines of a request', lines],
  ['methods, targets and upgrades', targets],
  ['bodies', bodies],
])('%s', (_group, entries) => {
  it.each(entries)('$name', async ({ bytes, statuses }) => {
    const sent = bytes();
    const heard = await hear(typeof sent === 'string' ? [sent] : sent);
    expect(statusesIn(heard)).toEqual(statuses);
  });

  it.each(entries)('$name, behind requests that are not parsed any more', async ({ bytes, statuses }) => {
    const sent = bytes();
    const repeats = await countRepeats(system);
    const query = (n: number) => `${head(length)}\r\n${body.replace('1', String(n))}`;
    const heard = await hear(typeof sent === 'string' ? [sent] : sent, [1, 2, 3].map(query));
    expect(statusesIn(heard)).toEqual(statuses);
    // What is known is forgotten once a second, and may be in between.
    expect((await countRepeats(system)) - repeats).toBeGreaterThanOrEqual(1);
  });
});

describe('one answer to each request, whatever follows it', () => {
  const garbage = '\0\x01garbage\r\n\r\n';

  it('when it is no HTTP, the answers that are due come first and alone', async () => {
    const heard = await hear([ask('select pg_sleep(0.3), 1 as n') + ask('select 2 as n') + garbage]);
    expect(statusesIn(heard)).toEqual([200, 200]);
    expect(heard).toContain('"n":2');
  });

  it('when it is no HTTP, an answer that comes line by line is not cut into', async () => {
    const query = `select repeat('x', 1000) from generate_series(1, 3000), pg_sleep(0)`;
    const heard = await hear([ask(query, 'Accept: application/x-ndjson\r\n'), garbage]);
    expect(statusesIn(heard)).toEqual([200]);
    // The last chunk, and nothing behind it.
    expect(heard).toMatch(/\{"end":"ok"\}\n\r\n0\r\n\r\n$/);
  });

  it.each([
    ['is too large', () => head('Content-Length: 11000000\r\n'), 413],
    ['is for nobody', () => 'POST /other HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n', 404],
    ['is in the wrong method', () => 'PUT /sql HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n', 405],
    ['is never sent to its end', () => head('Transfer-Encoding: chunked\r\n'), 408],
  ])(
    'when the body %s and does not end',
    async (_why, make, status) => {
      const heard = await hear([`${make()}\r\n1\r\n`]);
      expect(statusesIn(heard)).toEqual([status]);
    },
    limitMs,
  );
});

describe('a handshake for a WebSocket', () => {
  const handshake = (more = '', method = 'GET') =>
    `${method} /v2 HTTP/1.1\r\nHost: shop.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${more}\r\n`;
  const protocols = (bytes: number) => `Sec-WebSocket-Protocol: ${'p'.repeat(bytes)}\r\n`;

  it.each([
    ['with a body, which is no frame,', () => `${handshake('Content-Length: 5\r\n')}hello`, [101]],
    ['with a request behind it', () => handshake() + ask('select 1'), [101]],
    ['with two hosts', () => handshake('Host: other.localhost\r\n'), [400]],
    ['in POST', () => handshake('', 'POST'), [405]],
    ['with a subprotocol of 20 KB', () => handshake(protocols(20_000)), [431]],
    ['that does not come to its end', () => handshake().slice(0, -2), [408]],
  ] as [string, () => string, number[]][])(
    '%s ends',
    async (_what, bytes, statuses) => {
      const heard = await hear([bytes()]);
      expect(statusesIn(heard)).toEqual(statuses);
      expect(heard).not.toContain('"n":');
    },
    limitMs,
  );

  it('with a subprotocol of 12 KB agrees to none', async () => {
    const heard = await hear([handshake(protocols(12_000))]); // until the time for a login is over
    expect(statusesIn(heard)).toEqual([101]);
    expect(heard).not.toMatch(/^sec-websocket-protocol/im);
  });

  it('may follow a request that logged nobody in', async () => {
    const heard = await hear([`GET / HTTP/1.1\r\nHost: x\r\n\r\n`, handshake()]);
    expect(statusesIn(heard)).toEqual([404, 101]);
  });

  it(
    'is of no use to a client that says one byte at a time',
    async () => {
      const client = new WebSocket(`${system.httpUrl('http').replace('http', 'ws')}/v2`);
      client.on('error', () => undefined);
      let heard = '';
      let closed = false;
      client.on('message', (data) => (heard += (data as Buffer).toString('latin1')));
      client.on('close', () => (closed = true));
      const drip = setInterval(() => {
        if (client.readyState === WebSocket.OPEN) client.send(Buffer.of(0));
      }, 300);
      await waitFor(() => closed, closeLimitMs);
      clearInterval(drip);
      expect(heard).toContain('08006');
    },
    limitMs,
  );
});
