// SCRAM-SHA-256-PLUS on the built proxy: a client whose proof is bound to our certificate, and somebody in between who shows
// another one. That man in the middle ends TLS on both sides and passes the bytes on, or takes PLUS out of the offer.

import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, type Server, type Socket, connect as connectSocket, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { TLSSocket, connect as connectTls, createSecureContext } from 'node:tls';
import { type CertificatePem, makeCertificate } from '@pgwake/local-certificate';
import { encodeAuthenticationSasl, encodeSslRequest } from '@pgwake/pg-wire';
import { System, type TestEndpoint, waitFor } from '@pgwake/testkit';
import type { ClientConfig } from 'pg';
import { connect } from './clients.js';

const directory = mkdtempSync(join(tmpdir(), 'pgwake-binding-'));
const certFile = join(directory, 'tls.crt');
const keyFile = join(directory, 'tls.key');
let stranger: CertificatePem;
let system: System;
let endpoint: TestEndpoint;
const relays: Server[] = [];

function install({ cert, key }: CertificatePem): void {
  writeFileSync(certFile, cert);
  writeFileSync(keyFile, key);
}

beforeAll(async () => {
  stranger = await makeCertificate();
  install(await makeCertificate());
  system = await System.start({ env: { PGWAKE_TLS_CERT_FILE: certFile, PGWAKE_TLS_KEY_FILE: keyFile } });
  endpoint = await system.createEndpoint('bound');
}, 120_000);
afterEach(() => Promise.all(relays.splice(0).map((relay) => new Promise((resolve) => relay.close(resolve)))));
afterAll(async () => {
  await system?.stop();
  rmSync(directory, { recursive: true, force: true });
}, 60_000);

const ssl = { rejectUnauthorized: false };
const binding = { ssl, enableChannelBinding: true } as ClientConfig;

async function whoAmI(config: ClientConfig): Promise<unknown> {
  const client = await connect(system, endpoint, config);
  try {
    return (await client.query<{ who: string }>('select current_user as who')).rows[0]?.who;
  } finally {
    await client.end();
  }
}

const offer = Buffer.from(encodeAuthenticationSasl(['SCRAM-SHA-256-PLUS', 'SCRAM-SHA-256']));
const cutOffer = Buffer.from(encodeAuthenticationSasl(['SCRAM-SHA-256']));

interface ManInTheMiddle {
  readonly port: number;
  /** What of ours it saw going by. */
  readonly seen: string[];
}

async function startManInTheMiddle(tamper: boolean): Promise<ManInTheMiddle> {
  const seen: string[] = [];
  const server = createServer((raw) => {
    void intercept(raw, seen, tamper);
  });
  relays.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, seen };
}

async function intercept(raw: Socket, seen: string[], tamper: boolean): Promise<void> {
  await once(raw, 'data');
  raw.pause();
  raw.removeAllListeners('data');
  const upstream = connectSocket({ host: '127.0.0.1', port: system.connectionConfig(endpoint).port });
  upstream.write(encodeSslRequest());
  await once(upstream, 'data');
  raw.write('S');
  const toGateway = connectTls({ socket: upstream, rejectUnauthorized: false });
  const secureContext = createSecureContext({ cert: stranger.cert, key: stranger.key });
  const toClient = new TLSSocket(raw, { isServer: true, secureContext });
  const passOn = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const at = chunk.indexOf(offer);
      if (at >= 0) seen.push('offer');
      const cut = tamper && at >= 0;
      done(null, cut ? Buffer.concat([chunk.subarray(0, at), cutOffer, chunk.subarray(at + offer.length)]) : chunk);
    },
  });
  for (const stream of [toGateway, toClient, passOn, raw, upstream]) stream.on('error', () => undefined);
  toGateway.pipe(passOn).pipe(toClient).pipe(toGateway);
}

describe('a client that binds its proof to the certificate', () => {
  it('is let in', async () => {
    expect(await whoAmI(binding)).toBe(endpoint.role);
  });

  it('is let in by the certificate of its own connection, after another one came into use', async () => {
    const loaded = () => system.logOf('tcp-proxy').split('TLS certificate loaded').length - 1;
    const before = loaded();
    const earlier = await connect(system, endpoint, binding);
    install(await makeCertificate());
    await waitFor(() => loaded() > before, 5_000);
    expect(await whoAmI(binding)).toBe(endpoint.role);
    expect((await earlier.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    await earlier.end();
  });

  it('fails with a wrong password as everybody does', async () => {
    await expect(whoAmI({ ...binding, password: 'wrong' })).rejects.toMatchObject({ code: '28P01' });
  });
});

describe('a man in the middle with another certificate', () => {
  it('cannot pass on a proof that is bound to it', async () => {
    const { port, seen } = await startManInTheMiddle(false);
    await expect(whoAmI({ ...binding, port })).rejects.toMatchObject({
      code: '28000',
      message: 'SCRAM channel binding check failed',
    });
    expect(seen).toEqual(['offer']);
  });

  it('is given away by a client that could have bound, when it takes that out of the offer', async () => {
    const { port, seen } = await startManInTheMiddle(true);
    await expect(whoAmI({ ...binding, port })).rejects.toMatchObject({
      code: '28000',
      message: 'SCRAM channel binding negotiation error',
    });
    expect(seen).toEqual(['offer']);
  });

  it('is not noticed by a client that does not bind', async () => {
    const { port, seen } = await startManInTheMiddle(false);
    expect(await whoAmI({ ssl, port })).toBe(endpoint.role);
    expect(seen).toEqual(['offer']);
  });
});

describe('a client without TLS', () => {
  it('is not offered channel binding, and is let in without', async () => {
    expect(await whoAmI({ enableChannelBinding: true } as ClientConfig)).toBe(endpoint.role);
  });
});
