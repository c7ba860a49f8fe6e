// The PROXY protocol on the built proxy: whom it takes a client for behind a load balancer, and who may say so.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Socket, connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureCertificate } from '@pgwake/local-certificate';
import { System, type TestEndpoint, waitFor } from '@pgwake/testkit';
import type { ClientConfig } from 'pg';
import { connect } from './clients.js';
import { announce, localHeader, proxySignature } from './proxy-headers.js';

const directory = mkdtempSync(join(tmpdir(), 'pgwake-proxied-'));
let system: System;
let endpoint: TestEndpoint;

beforeAll(async () => {
  const { certFile, keyFile } = await ensureCertificate(directory);
  system = await System.start({
    env: { PGWAKE_TLS_CERT_FILE: certFile, PGWAKE_TLS_KEY_FILE: keyFile, PGWAKE_LOG_LEVEL: 'debug' },
    tcpProxies: [{ PGWAKE_PROXY_PROTOCOL: '127.0.0.0/8, ::1' }, { PGWAKE_PROXY_PROTOCOL: '203.0.113.0/24' }],
  });
  endpoint = await system.createEndpoint('proxied');
}, 120_000);
afterAll(async () => {
  await system?.stop();
  rmSync(directory, { recursive: true, force: true });
}, 60_000);

const stranger = announce([203, 0, 113, 7]);
const loopback = announce([...Array<number>(15).fill(0), 1]);

/** The header goes out before whatever the driver says first, and together with it. */
function behind(header: Uint8Array, config: ClientConfig = {}): ClientConfig {
  const stream = () => {
    const socket = new Socket();
    socket.once('connect', () => socket.write(header));
    return socket;
  };
  return { ...config, stream };
}

const ssl = { rejectUnauthorized: false };

async function serves(config: ClientConfig): Promise<unknown> {
  const client = await connect(system, endpoint, config);
  try {
    return (await client.query<{ one: number }>('select 1 as one')).rows[0]?.one;
  } finally {
    await client.end();
  }
}

/** What a connection hears that says these bytes. */
async function say(bytes: Uint8Array, proxyNumber = 1): Promise<string> {
  const socket = connectSocket({ host: '127.0.0.1', port: system.connectionConfig(endpoint, proxyNumber).port });
  const heard: Buffer[] = [];
  socket.on('data', (chunk) => heard.push(chunk));
  socket.on('error', () => undefined);
  socket.write(bytes);
  await new Promise((resolve) => socket.once('close', resolve));
  return Buffer.concat(heard).toString('latin1');
}

const logs = (text: string) => waitFor(() => system.logOf('tcp-proxy').includes(text), 3_000);

describe('a client behind a load balancer', () => {
  it.each([
    ['asks for TLS', { ssl }],
    ['begins with TLS', { ssl, sslnegotiation: 'direct' } as ClientConfig],
  ])('is served when it %s, and known by its own address', async (_what, config) => {
    expect(await serves(behind(stranger, config))).toBe(1);
    await logs('"peer":"203.0.113.7"');
  });

  it('needs TLS when it is remote, though the load balancer is not', async () => {
    await expect(serves(behind(stranger))).rejects.toMatchObject({ code: '28000' });
  });

  it('needs none when it is on the loopback interface itself', async () => {
    expect(await serves(behind(loopback))).toBe(1);
  });
});

describe('a load balancer', () => {
  it('may speak for itself', async () => {
    expect(await serves(behind(localHeader))).toBe(1);
  });

  it.each([
    ['says nothing of the client', Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]), 'no PROXY header'],
    ['speaks version 1', Buffer.from('PROXY TCP4 203.0.113.7 10.0.0.1 1 2\r\n'), 'no PROXY header'],
    ['says a client of no kind', Buffer.from(`${proxySignature}\x21\0\0\0`, 'latin1'), 'names no client over TCP'],
  ])('is closed without a word when it %s', async (_what, bytes, logged) => {
    expect(await say(bytes)).toBe('');
    await logs(logged);
  });

  it('is not who is not listed: the header is no startup packet', async () => {
    expect(await say(stranger, 2)).toContain('invalid length of startup packet');
  });

  it('that has not said anything yet does not hold up the end of the proxy', async () => {
    const socket = connectSocket({ host: '127.0.0.1', port: system.connectionConfig(endpoint).port });
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.resume();
    await system.endApp('tcp-proxy', 'SIGTERM');
    await closed;
    await logs('"code":"DRAINING"');
  });
});
