import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';
import { GatewayError } from '@pgwake/gateway-errors';
import { type LeakCheck, startLeakCheck, waitFor } from '@pgwake/testkit';
import { readProxyHeader } from './index.js';

const local = Buffer.from('\r\n\r\n\0\r\nQUIT\n\x20\0\0\0', 'latin1');
const proxied = Buffer.from('\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x07\x0a\0\0\x01\xd4\x31\x11\x50', 'latin1');

let leaks: LeakCheck;
let server: Server;
let limit: AbortController;
/** What became of each connection: the client that was read, or the code of the error. */
let outcomes: unknown[];
let heard: string;

beforeEach(async () => {
  leaks = startLeakCheck();
  limit = new AbortController();
  outcomes = [];
  heard = '';
  server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    readProxyHeader(socket, limit.signal, (client) => {
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => (heard += String(chunk)));
      socket.on('end', () => socket.end());
      socket.resume();
      return client;
    }).then(
      (client) => outcomes.push(client),
      (error: GatewayError) => outcomes.push(error.code),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
  await leaks.expectNothingLeft();
});

async function dial(): Promise<Socket> {
  const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', noDelay: true });
  socket.on('error', () => undefined).resume();
  await once(socket, 'connect');
  return socket;
}

/** Also of one that is reset. */
function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

describe('readProxyHeader', () => {
  it.each([
    ['in one go', [Buffer.concat([proxied, Buffer.from('hello')])]],
    ['byte by byte', [...proxied, ...Buffer.from('hello')].map((byte) => Uint8Array.of(byte))],
    ['before the client says anything', [proxied, Buffer.from('hello')]],
  ])('gives the client and leaves what is behind: %s', async (_how, parts) => {
    const socket = await dial();
    for (const part of parts) socket.write(part);
    await waitFor(() => heard === 'hello', 3_000);
    expect(outcomes).toEqual(['203.0.113.7']);
    socket.end();
  });

  it('gives nobody where the load balancer speaks for itself', async () => {
    (await dial()).end(Buffer.concat([local, Buffer.from('hello')]));
    await waitFor(() => heard === 'hello', 3_000);
    expect(outcomes).toEqual([undefined]);
  });

  it.each([
    ['something else', (socket: Socket) => socket.write('GET / HTTP/1.1\r\n'), 'PROTOCOL_VIOLATION'],
    ['half of it and the end', (socket: Socket) => socket.end(proxied.subarray(0, 20)), 'CLIENT_GONE'],
    [
      'half of it and a reset',
      (socket: Socket) => socket.write(local.subarray(0, 9), () => socket.resetAndDestroy()),
      'CLIENT_GONE',
    ],
  ])('closes a connection that brings %s', async (_what, act, code) => {
    const socket = await dial();
    const closed = closeOf(socket);
    act(socket);
    await closed;
    await waitFor(() => outcomes.length > 0, 3_000);
    expect(outcomes).toEqual([code]);
    expect(heard).toBe('');
  });

  it('closes a connection that brings nothing in time', async () => {
    const socket = await dial();
    socket.write(proxied.subarray(0, 1));
    limit.abort(new GatewayError('CLIENT_TOO_SLOW'));
    await closeOf(socket);
    await waitFor(() => outcomes.length > 0, 3_000);
    expect(outcomes).toEqual(['CLIENT_TOO_SLOW']);
  });
});
