// The PROXY protocol on the built http-proxy: plain HTTP, HTTPS of both versions and WebSockets behind a load balancer.

import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, type IncomingMessage, request } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { type Socket, connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex, Readable } from 'node:stream';
import { type TLSSocket, connect as connectTls } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { ensureCertificate } from '@pgwake/local-certificate';
import { encodePasswordMessage, encodeStartupMessage } from '@pgwake/pg-wire';
import { System, type TestEndpoint, waitFor } from '@pgwake/testkit';
import { WebSocket } from 'ws';
import { announce, localHeader, proxySignature } from './proxy-headers.js';

const limitMs = 120_000;
const [plain, secure, unlisted, narrow] = [1, 2, 3, 4];
const directory = mkdtempSync(join(tmpdir(), 'pgwake-proxied-http-'));

let ca: string;
let system: System;
let shop: TestEndpoint;
let fenced: TestEndpoint;
const sockets: Duplex[] = [];

beforeAll(async () => {
  const { caFile, certFile, keyFile } = await ensureCertificate(directory, ['api']);
  ca = readFileSync(caFile, 'utf8');
  const listed = { PGWAKE_PROXY_PROTOCOL: '127.0.0.0/8' };
  system = await System.start({
    env: { PGWAKE_LOG_LEVEL: 'debug' },
    tcpProxies: [],
    httpProxies: [
      listed,
      { ...listed, PGWAKE_HTTP_TLS: 'on', PGWAKE_TLS_CERT_FILE: certFile, PGWAKE_TLS_KEY_FILE: keyFile },
      { PGWAKE_PROXY_PROTOCOL: '203.0.113.0/24' },
      { ...listed, PGWAKE_MAX_CONNECTIONS_PER_SOURCE: '1' },
    ],
  });
  shop = await system.createEndpoint('shop');
  fenced = await system.createEndpoint('fenced', { allowedNetworks: ['203.0.113.0/24'] });
}, limitMs);
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});
afterAll(async () => {
  await system?.stop();
  rmSync(directory, { recursive: true, force: true });
}, limitMs);

const stranger = announce([203, 0, 113, 7]);
const outsider = announce([198, 51, 100, 9]);
const strangerOverIpv6 = announce([0x20, 1, 0xd, 0xb8, ...Array<number>(11).fill(0), 9]);

/** A connection of a load balancer that has written this. */
function dial(proxy: number, header: Uint8Array): Socket {
  const socket = connectSocket(Number(new URL(system.httpUrl('http', proxy)).port), '127.0.0.1');
  socket.on('error', () => undefined);
  sockets.push(socket);
  socket.write(header);
  return socket;
}

async function dialTls(header: Uint8Array, alpn: string): Promise<TLSSocket> {
  const socket = connectTls({
    socket: dial(secure, header),
    servername: 'api.localhost',
    ca,
    ALPNProtocols: [alpn],
  });
  sockets.push(socket);
  await once(socket, 'secureConnect');
  return socket;
}

interface Answer {
  readonly status: number | undefined;
  readonly json: Readonly<Record<string, unknown>>;
}

async function readJson(stream: Readable): Promise<Answer['json']> {
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  return JSON.parse(text) as Answer['json'];
}

/** One request over HTTP/1.1 on this connection, which stays open. */
async function ask(socket: Duplex, endpoint = shop, query = 'select 1 as n'): Promise<Answer> {
  const agent = Object.assign(new Agent({ keepAlive: true }), { createConnection: () => socket });
  const asked = request({
    agent,
    method: 'POST',
    path: '/sql',
    headers: { 'neon-connection-string': system.connectionString(endpoint) },
  });
  asked.end(JSON.stringify({ query }));
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  return { status: response.statusCode, json: await readJson(response) };
}

/** What a connection hears to its end. */
async function hear(socket: Duplex): Promise<string> {
  let heard = '';
  socket.on('data', (chunk) => (heard += String(chunk)));
  await new Promise((resolve) => socket.once('close', resolve));
  return heard;
}

const logs = (text: string, proxy = plain) => waitFor(() => system.logOf('http-proxy', proxy).includes(text), 5_000);

describe('a client behind a load balancer', () => {
  it.each([
    ['of IPv4', stranger, '203.0.113.7'],
    ['of IPv6', strangerOverIpv6, '2001:db8::9'],
    ['that is the load balancer itself', localHeader, '127.0.0.1'],
  ])('%s is served and known by its own address', async (_what, header, address) => {
    expect(await ask(dial(plain, header))).toEqual({
      status: 200,
      json: expect.objectContaining({ rows: [{ n: 1 }] }),
    });
    await logs(`"peer":"${address}"`);
  });

  it.each([
    ['in one write', (all: Buffer) => [all]],
    ['byte by byte', (all: Buffer) => [...all].map((byte) => Buffer.of(byte))],
    [
      'cut inside the header and inside the body',
      (all: Buffer) => [all.subarray(0, 20), all.subarray(20, 100_000), all.subarray(100_000)],
    ],
  ])('may send header, requests and bodies %s', async (how, cut) => {
    const text = 'x'.repeat(how === 'byte by byte' ? 10 : 300_000);
    const body = JSON.stringify({ query: 'select length($1)::int as n', params: [text] });
    const one = (last: boolean) =>
      `POST /sql HTTP/1.1\r\nHost: x\r\n${last ? 'Connection: close\r\n' : ''}` +
      `Neon-Connection-String: ${system.connectionString(shop)}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const socket = dial(plain, new Uint8Array(0)).setNoDelay(true);
    const heard = hear(socket);
    for (const part of cut(Buffer.concat([stranger, Buffer.from(one(false) + one(true))]))) socket.write(part);
    expect((await heard).split(`{"n":${text.length}}`)).toHaveLength(3);
  });

  it('is served over HTTPS', async () => {
    expect(await ask(await dialTls(stranger, 'http/1.1'))).toMatchObject({ status: 200, json: { rows: [{ n: 1 }] } });
    await logs('"peer":"203.0.113.7"', secure);
  });

  it('is served over HTTP/2, many requests at once', async () => {
    const socket = await dialTls(strangerOverIpv6, 'h2');
    const session = connectHttp2('https://api.localhost', { createConnection: () => socket });
    const headers = { ':method': 'POST', ':path': '/sql', 'neon-connection-string': system.connectionString(shop) };
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => {
        const stream = session.request(headers);
        stream.end(JSON.stringify({ query: `select ${n} as n` }));
        return readJson(stream);
      }),
    );
    expect(answers.map(({ rows }) => rows)).toEqual(answers.map((_, n) => [{ n }]));
    await logs('"peer":"2001:db8::9"', secure);
    session.close();
    await once(session, 'close');
  });

  it('is let in or kept out by its own address', async () => {
    expect((await ask(dial(plain, stranger), fenced)).status).toBe(200);
    for (const header of [outsider, localHeader]) {
      expect(await ask(dial(plain, header), fenced)).toMatchObject({ status: 403, json: { code: '28000' } });
    }
  });

  it('is counted by its own address', async () => {
    const first = dial(narrow, stranger);
    expect((await ask(first)).status).toBe(200);
    expect(await ask(dial(narrow, stranger))).toMatchObject({ status: 429, json: { code: '53300' } });
    expect((await ask(dial(narrow, outsider))).status).toBe(200);
  });
});

describe('a WebSocket behind a load balancer', () => {
  /** Logs in and asks nothing; what it hears. */
  async function logIn(socket: Duplex, endpoint: TestEndpoint): Promise<() => string> {
    const webSocket = new WebSocket(`ws://${endpoint.endpoint}.localhost/v2`, {
      createConnection: () => socket,
    } as ConstructorParameters<typeof WebSocket>[2]);
    let heard = '';
    webSocket.on('error', () => undefined);
    webSocket.on('message', (data) => (heard += (data as Buffer).toString('latin1')));
    await once(webSocket, 'open');
    const { role, database, password } = endpoint;
    const startup = encodeStartupMessage([
      ['user', role],
      ['database', database],
    ]);
    webSocket.send(Buffer.concat([startup, encodePasswordMessage(password)]));
    return () => heard;
  }

  it.each([
    ['plain', plain, () => Promise.resolve<Duplex>(dial(plain, stranger))],
    ['over TLS', secure, (): Promise<Duplex> => dialTls(stranger, 'http/1.1')],
  ])('is a session of its client, %s', async (_how, proxy, connect) => {
    const heard = await logIn(await connect(), fenced);
    // ReadyForQuery, idle.
    await waitFor(() => heard().endsWith('Z\0\0\0\x05I'), 20_000);
    await waitFor(
      () => /"peer":"203\.0\.113\.7"[^\n]*"msg":"connected"/.test(system.logOf('http-proxy', proxy)),
      5_000,
    );
  });

  it('is kept out where its client is', async () => {
    const heard = await logIn(dial(plain, outsider), fenced);
    await waitFor(() => heard().includes('28000'), 20_000);
  });
});

describe('a load balancer', () => {
  it.each([
    [
      'sends a request without a header',
      plain,
      Buffer.from('POST /sql HTTP/1.1\r\nHost: x\r\n\r\n'),
      'no PROXY header',
    ],
    ['begins TLS without a header', secure, Buffer.from([0x16, 3, 1, 2, 0, 1, 0]), 'no PROXY header'],
    ['speaks version 1', plain, Buffer.from('PROXY TCP4 203.0.113.7 10.0.0.1 1 2\r\n'), 'no PROXY header'],
    [
      'says a client of no kind',
      plain,
      Buffer.from(`${proxySignature}\x21\0\0\0`, 'latin1'),
      'names no client over TCP',
    ],
  ])('is closed without a word when it %s', async (_what, proxy, bytes, logged) => {
    expect(await hear(dial(proxy, bytes))).toBe('');
    await logs(logged, proxy);
  });

  it('is not who is not listed: its header is no HTTP, and without one it is served', async () => {
    const heard = await hear(
      dial(unlisted, Buffer.concat([stranger, Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')])),
    );
    expect(heard).toMatch(/^HTTP\/1\.1 400 /);
    expect((await ask(dial(unlisted, new Uint8Array(0)))).status).toBe(200);
    await logs('"peer":"127.0.0.1"', unlisted);
  });

  it('that has not said anything yet does not hold up the end of the proxy', async () => {
    const silent = hear(dial(plain, stranger.subarray(0, 5)));
    await ask(dial(plain, stranger)); // by now the other one was accepted
    await system.endApp('http-proxy', 'SIGTERM', plain);
    expect(await silent).toBe('');
    await logs('"code":"DRAINING"');
  });
});
