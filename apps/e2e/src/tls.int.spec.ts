// TLS towards clients, on the built proxy: real handshakes, asked for or direct, the endpoint in the host name, and what an
// attacker may try.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type EventEmitter, once } from 'node:events';
import { type Socket, connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { type SecureVersion, connect as connectTls } from 'node:tls';
import { ensureCertificate } from '@pgwake/local-certificate';
import { concatBytes, encodeGssEncRequest, encodeSslRequest, encodeStartupMessage } from '@pgwake/pg-wire';
import { System, type TestEndpoint, waitFor } from '@pgwake/testkit';
import pg, { type ClientConfig } from 'pg';
import { connect } from './clients.js';

let directory: string;
let ca: string;
let system: System;
let endpoint: TestEndpoint;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'pgwake-tls-'));
  const { caFile, certFile, keyFile } = await ensureCertificate(directory, ['walled']);
  ca = await readFile(caFile, 'utf8');
  system = await System.start({
    env: {
      PGWAKE_TLS_CERT_FILE: certFile,
      PGWAKE_TLS_KEY_FILE: keyFile,
      PGWAKE_REQUIRE_TLS: 'always',
      PGWAKE_LOG_LEVEL: 'debug',
    },
    tcpProxies: [{}, { PGWAKE_PASSWORD_METHOD: 'cleartext-over-tls', PGWAKE_REQUIRE_TLS: 'never' }],
  });
  endpoint = await system.createEndpoint('walled');
}, 120_000);
afterAll(async () => {
  await system?.stop();
  rmSync(directory, { recursive: true, force: true });
}, 60_000);

const verified = (servername: string): ClientConfig => ({ ssl: { ca, servername } });

async function isEncrypted(config: ClientConfig): Promise<unknown> {
  const client = await connect(system, endpoint, config);
  try {
    const { stream } = (client as unknown as { connection: { stream: { getProtocol?(): string } } }).connection;
    await client.query('select 1');
    return stream.getProtocol?.();
  } finally {
    await client.end();
  }
}

/** Says the bytes in one write and gives what comes back until `enough` bytes, or the end. */
async function exchange(bytes: Uint8Array, enough: number): Promise<{ heard: Buffer; socket: Socket }> {
  const socket = connectSocket({ host: '127.0.0.1', port: system.connectionConfig(endpoint).port });
  let heard = Buffer.alloc(0);
  let over = false;
  socket.on('data', (chunk) => (heard = Buffer.concat([heard, chunk])));
  socket.on('close', () => (over = true));
  socket.on('end', () => (over = true));
  socket.on('error', () => undefined);
  socket.write(bytes);
  await waitFor(() => over || heard.length >= enough, 5_000);
  return { heard, socket };
}

const startup = encodeStartupMessage([
  ['user', 'app'],
  ['options', 'endpoint=walled'],
]);

describe('a client over TLS', () => {
  it('can verify the gateway and names its endpoint by the host name', async () => {
    expect(await isEncrypted({ ...verified('walled.localhost'), options: '' })).toBe('TLSv1.3');
  });

  it('may name it twice, if both agree', async () => {
    expect(await isEncrypted(verified('walled.localhost'))).toBe('TLSv1.3');
    const differing = connect(system, endpoint, { ...verified('localhost'), options: 'endpoint=other' });
    await expect(differing).rejects.toMatchObject({ code: '28P01' });
    const disagreeing = connect(system, endpoint, { ...verified('walled.localhost'), options: 'endpoint=other' });
    await expect(disagreeing).rejects.toMatchObject({ code: '08004' });
  });

  it('may name it in its password', async () => {
    const password = `endpoint=walled;${endpoint.password}`;
    expect(await isEncrypted({ ...verified('localhost'), options: '', password })).toBe('TLSv1.3');
  });

  it('gets no further with an outdated version of TLS', async () => {
    const { heard, socket } = await exchange(encodeSslRequest(), 1);
    expect(heard.toString()).toBe('S');
    const maxVersion: SecureVersion = 'TLSv1.1';
    const tls = connectTls({ socket, ca, servername: 'localhost', minVersion: 'TLSv1', maxVersion });
    const failed = new Promise<NodeJS.ErrnoException>((resolve) => tls.on('error', resolve));
    expect((await failed).code).toMatch(/SSL|TLS|ECONNRESET/);
    socket.destroy();
  });
});

describe('a client that begins with TLS at once', () => {
  /** Says the bytes to a socket and gives all that comes back until the end. */
  const hearOut = (socket: Socket) =>
    new Promise<{ heard: Buffer; failed: string | undefined }>((resolve) => {
      const chunks: Buffer[] = [];
      let failed: string | undefined;
      socket.on('data', (chunk) => chunks.push(chunk));
      socket.on('error', (error: NodeJS.ErrnoException) => (failed = error.code));
      socket.on('close', () => resolve({ heard: Buffer.concat(chunks), failed }));
    });
  const begin = (ALPNProtocols: string[]) => {
    const { port } = system.connectionConfig(endpoint);
    return connectTls({ host: '127.0.0.1', port, ca, servername: 'walled.localhost', ALPNProtocols });
  };

  it('is served when it names the Postgres protocol', async () => {
    const direct = { ...verified('walled.localhost'), options: '', sslnegotiation: 'direct' } as ClientConfig;
    expect(await isEncrypted(direct)).toBe('TLSv1.3');
  });

  it('is served when its hello comes byte by byte', async () => {
    const { port } = system.connectionConfig(endpoint);
    const raw = connectSocket({ host: '127.0.0.1', port, noDelay: true });
    await once(raw, 'connect');
    const slow = new Duplex({
      read: () => undefined,
      write(chunk: Buffer, _encoding, done) {
        for (const byte of chunk) raw.write(Uint8Array.of(byte));
        done();
      },
    });
    raw.on('data', (chunk) => slow.push(chunk));
    const tls = connectTls({ socket: slow, ca, servername: 'walled.localhost', ALPNProtocols: ['postgresql'] });
    await once(tls, 'secureConnect');
    tls.write(encodeSslRequest());
    // Encrypted already: there is nothing to ask for.
    expect(String((await once(tls, 'data'))[0])).toBe('N');
    tls.destroy();
    raw.destroy();
  });

  it('has nothing read in plaintext that comes with its hello', async () => {
    const failures = () => system.logOf('tcp-proxy').split('the TLS handshake failed').length;
    const before = failures();
    const { port } = system.connectionConfig(endpoint);
    const raw = connectSocket({ host: '127.0.0.1', port });
    const stuffing = new Duplex({
      read: () => undefined,
      write(hello: Buffer, _encoding, done) {
        raw.write(concatBytes(hello, startup));
        done();
      },
    });
    const tls = connectTls({ socket: stuffing, ca, servername: 'walled.localhost', ALPNProtocols: ['postgresql'] });
    tls.on('error', () => undefined);
    expect((await hearOut(raw)).heard[0]).toBe(0x16);
    await waitFor(() => failures() > before, 3_000);
    tls.destroy();
  });

  it('is turned away without a word when it names no protocol', async () => {
    const socket = begin([]);
    await once(socket, 'secureConnect');
    socket.write(startup);
    expect((await hearOut(socket)).heard).toHaveLength(0);
    await waitFor(() => system.logOf('tcp-proxy').includes('direct TLS without the ALPN protocol'), 3_000);
  });

  it.each([[['http/1.1']], [['h2', 'http/1.1']], [['postgres']]])('fails in the handshake with %j', async (alpn) => {
    expect((await hearOut(begin(alpn))).failed).toBe('ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL');
  });

  it('leaves nothing behind when it leaves with its hello', async () => {
    const raw = connectSocket({ host: '127.0.0.1', port: system.connectionConfig(endpoint).port });
    raw.end(Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3));
    await hearOut(raw);
    expect(await isEncrypted(verified('localhost'))).toBe('TLSv1.3');
  });
});

describe('a client that asks for TLS and names a protocol', () => {
  it.each([
    ['postgresql', undefined],
    ['http/1.1', 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL'],
  ])('%s: %s', async (protocol, code) => {
    const { socket } = await exchange(encodeSslRequest(), 1);
    const tls = connectTls({ socket, ca, servername: 'localhost', ALPNProtocols: [protocol] });
    const outcome = new Promise((resolve) => {
      tls.on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
      tls.on('secureConnect', () => resolve(undefined));
    });
    expect(await outcome).toBe(code);
    socket.destroy();
  });
});

describe('a proxy that asks for passwords in clear text over TLS', () => {
  /** How the client was asked for its password. */
  async function howAsked(config: ClientConfig): Promise<unknown> {
    const client = new pg.Client({ ...system.connectionConfig(endpoint, 2), ...config });
    const { connection } = client as unknown as { connection: EventEmitter };
    const asked = Promise.race(
      ['authenticationCleartextPassword', 'authenticationSASL'].map((name) => once(connection, name).then(() => name)),
    );
    await client.connect();
    await client.query('select 1');
    await client.end();
    return asked;
  }

  it('asks so over TLS, and by SCRAM without', async () => {
    expect(await howAsked(verified('localhost'))).toBe('authenticationCleartextPassword');
    expect(await howAsked({})).toBe('authenticationSASL');
  });

  it('refuses a wrong one', async () => {
    await expect(howAsked({ ...verified('localhost'), password: 'wrong' })).rejects.toMatchObject({ code: '28P01' });
  });
});

describe('a client without TLS', () => {
  it('is refused where TLS is required, before it has shown a password', async () => {
    await expect(connect(system, endpoint)).rejects.toMatchObject({ code: '28000' });
  });
});

describe('the start of a connection', () => {
  it('answers N to GSS encryption and then S to TLS', async () => {
    const gss = await exchange(encodeGssEncRequest(), 1);
    expect(gss.heard.toString()).toBe('N');
    gss.socket.write(encodeSslRequest());
    const answer = await new Promise<Buffer>((resolve) => gss.socket.once('data', resolve));
    expect(answer.toString()).toBe('S');
    gss.socket.destroy();
  });

  it.each([
    ['a startup packet', startup],
    ['a TLS hello', Uint8Array.of(0x16, 3, 1, 0, 5, 1, 2, 3, 4, 5)],
    ['one byte', Uint8Array.of(0)],
  ])('reads nothing that stands behind an SSL request in plaintext: %s', async (_what, stuffed) => {
    const { heard, socket } = await exchange(concatBytes(encodeSslRequest(), stuffed), 1_000);
    expect(heard.toString('latin1')).toContain('received unencrypted data');
    expect(heard[0]).toBe('E'.charCodeAt(0));
    socket.destroy();
  });

  it('survives a failed handshake', async () => {
    const { socket } = await exchange(encodeSslRequest(), 1);
    socket.end('this is no TLS hello, and never will be');
    await new Promise((resolve) => socket.once('close', resolve));
    expect(await isEncrypted(verified('localhost'))).toBe('TLSv1.3');
  });

  it.each([
    ['half-closes', (socket: Socket) => socket.end()],
    ['resets', (socket: Socket) => socket.resetAndDestroy()],
    ['closes', (socket: Socket) => socket.destroy()],
  ])('notices at once when a client %s in the handshake', async (_what, leave) => {
    const logged = () => system.logOf('tcp-proxy').split('TLS handshake').length;
    const before = logged();
    const { socket } = await exchange(encodeSslRequest(), 1);
    leave(socket);
    await waitFor(() => logged() > before, 3_000);
    socket.destroy();
  });
});
