// Handshakes whose beginning was read before there was TLS, as tcp-proxy starts them: real sockets, real clients.

import { once } from 'node:events';
import { type AddressInfo, type Socket, connect as connectSocket, createServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket, connect } from 'node:tls';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { makeCertificate } from '@pgwake/local-certificate';
import { feedHello } from './feed-hello.js';
import { type ServerCertificate, createServerCertificate } from './server-certificate.js';
import { createProtocolChoice, startTls } from './start-tls.js';

const headerBytes = 5;
const opened: { destroy(): unknown }[] = [];
let certificate: ServerCertificate;

beforeAll(async () => {
  const { cert, key } = await makeCertificate();
  const material = { cert: Buffer.from(cert), key: Buffer.from(key), clientCa: undefined };
  certificate = createServerCertificate(material, { minVersion: '1.2', groups: 'auto', clientCert: 'off' });
});
afterEach(() => {
  for (const each of opened.splice(0)) each.destroy();
});

/** The server's end of one connection, with the first record that came over it; and the client's. */
async function readHello(connectTo: (port: number) => Duplex): Promise<{ raw: Socket; hello: Buffer; client: Duplex }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connectTo((server.address() as AddressInfo).port);
  const [raw] = (await once(server, 'connection')) as [Socket];
  server.close();
  opened.push(client, raw);
  client.on('error', () => undefined);
  let hello = Buffer.alloc(0);
  while (hello.length < headerBytes || hello.length < headerBytes + hello.readUInt16BE(3)) {
    hello = Buffer.concat([hello, ((await once(raw, 'data')) as [Buffer])[0]]);
  }
  raw.pause();
  return { raw, hello, client };
}

const secureClient = (ecdhCurve: string) => (port: number) =>
  connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ecdhCurve });

async function serve(raw: Socket, hello: Buffer): Promise<TLSSocket> {
  const options = { certificate, chooseProtocol: createProtocolChoice([]), hello, limit: AbortSignal.timeout(10_000) };
  return startTls(raw, options, (secured) => secured.on('error', () => undefined));
}

/** Sends so much each way and gives what arrived. */
async function exchange(client: Duplex, secured: TLSSocket, bytes: number): Promise<readonly number[]> {
  const take = async (from: Duplex): Promise<number> => {
    let taken = 0;
    while (taken < bytes) taken += ((await once(from, 'data')) as [Buffer])[0].length;
    return taken;
  };
  const arrived = Promise.all([take(client), take(secured)]);
  client.write(Buffer.alloc(bytes, 'c'));
  secured.write(Buffer.alloc(bytes, 's'));
  return arrived;
}

describe('a hello that was read before', () => {
  // What is longer than a KB has to be given in pieces; what comes later may have any size.
  it.each([
    ['below 1 KB', 'X25519'],
    ['above 1 KB', 'X25519MLKEM768'],
  ])('%s is answered, and what follows is read, from a byte to a megabyte', async (size, groups) => {
    const { raw, hello, client } = await readHello(secureClient(groups));
    expect(hello.length < 1_000).toBe(size === 'below 1 KB');
    const secured = await serve(raw, hello);
    for (const bytes of [1, 1_000, 1_024, 20_000, 1_000_000, 1]) {
      expect(await exchange(client, secured, bytes)).toEqual([bytes, bytes]);
    }
  });

  it('goes to TLS itself, not back into the socket under it', async () => {
    const { raw, hello } = await readHello(secureClient('X25519MLKEM768'));
    const served = serve(raw, hello);
    expect(raw.readableLength).toBe(0);
    await served;
  });

  it('goes back into the socket under it where TLS does not take it', async () => {
    const { raw, hello } = await readHello(secureClient('X25519MLKEM768'));
    const socket = new TLSSocket(raw, { isServer: true, secureContext: certificate.context });
    socket.on('error', () => undefined);
    const { _handle: handle } = socket as unknown as { _handle: object };
    Object.defineProperty(handle, 'receive', { value: undefined, configurable: true });
    feedHello(socket, raw, hello);
    expect(raw.readableLength).toBe(hello.length);
    // Whatever its name, Node needs it itself.
    Reflect.deleteProperty(handle, 'receive');
    await once(socket, 'secure');
    // 'secure' comes from within OpenSSL, which must be out of there before the test ends and the connection with it.
    await new Promise(setImmediate);
  });

  it('ends the handshake when it is none', async () => {
    const noise = Buffer.concat([Buffer.from([0x16, 3, 1, 0x0b, 0xb8]), Buffer.alloc(3_000, 0xff)]);
    const { raw, hello } = await readHello((port) => {
      const client = connectSocket({ host: '127.0.0.1', port });
      client.write(noise);
      return client;
    });
    await expect(serve(raw, hello)).rejects.toMatchObject({ code: 'CLIENT_GONE', detail: 'the TLS handshake failed' });
    expect(raw.destroyed).toBe(true);
  });
});
