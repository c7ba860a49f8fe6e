import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { GatewayError } from '@pgwake/gateway-errors';
import { type LeakCheck, startLeakCheck, waitFor } from '@pgwake/testkit';
import pg from 'pg';
import { createTurnAway, maxLingering } from './turn-away.js';

let leaks: LeakCheck;
let server: Server;
let accepted: Socket[];

beforeEach(async () => {
  leaks = startLeakCheck();
  accepted = [];
  const turnAway = createTurnAway();
  server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    accepted.push(socket);
    turnAway(socket, new GatewayError('GATEWAY_FULL'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  server.close();
  await leaks.expectNothingLeft();
});

const portOf = () => (server.address() as AddressInfo).port;
const clientWith = (ssl: boolean) =>
  new pg.Client({
    host: '127.0.0.1',
    port: portOf(),
    user: 'app',
    password: 'x',
    ssl: ssl && { rejectUnauthorized: false },
  });

it('a client without TLS reads why there is no place', async () => {
  await expect(clientWith(false).connect()).rejects.toMatchObject({
    code: '53300',
    severity: 'FATAL',
    message: 'too many connections to this gateway',
  });
});

it('a client that asks for TLS fails at once instead of waiting', async () => {
  await expect(clientWith(true).connect()).rejects.toThrow('SSL');
});

it('a client that stays silent or talks on is closed, however many of them there are', async () => {
  const stubborn = Array.from({ length: maxLingering + 20 }, (_, at) => {
    const socket = connect({ port: portOf(), host: '127.0.0.1', allowHalfOpen: true });
    socket.on('error', () => undefined).resume();
    if (at % 2 === 0) socket.write(Buffer.alloc(100_000));
    return socket;
  });
  await Promise.all(stubborn.map((socket) => once(socket, 'connect')));
  while (accepted.length < stubborn.length) await once(server, 'connection');
  await waitFor(() => accepted.every((socket) => socket.closed), 5_000);
  for (const socket of stubborn) socket.destroy();
}, 10_000);
