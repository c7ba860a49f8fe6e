import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type LeakCheck, findFreePort, startBlackHole, startLeakCheck, startTestPostgres } from '@pgwake/testkit';
import { createComputeNetwork, probeCompute } from './index.js';

const network = createComputeNetwork();
const host = '127.0.0.1';
const limitMs = 300;
const sslRequest = '0000000804d2162f';

let leaks: LeakCheck;
let server: Server | undefined;
const sockets: Socket[] = [];
let heard: string;

beforeEach(() => {
  leaks = startLeakCheck();
  heard = '';
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  server?.close();
  server = undefined;
  await leaks.expectNothingLeft();
});

const at = (port: number) => ({ kind: 'tcp', host, port }) as const;

/** A server that does this with what it is asked. */
async function serve(answer: (socket: Socket) => void): Promise<number> {
  const started = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => {
      heard += bytes.toString('hex');
      answer(socket);
    });
  });
  server = started.listen(0, host);
  await once(started, 'listening');
  return (started.address() as AddressInfo).port;
}

describe('a sign of life', () => {
  it('is given by a real Postgres', async () => {
    const postgres = await startTestPostgres();
    try {
      expect(await probeCompute(at(postgres.port), network)).toBe('alive');
    } finally {
      await postgres.stop();
    }
  });

  it.each(['S', 'N', 'Eerror'])('is the answer %s to an SSLRequest, and nothing else is said', async (answer) => {
    const port = await serve((socket) => socket.write(answer));
    expect(await probeCompute(at(port), network)).toBe('alive');
    expect(heard).toBe(sslRequest);
  });
});

describe('no sign of life', () => {
  it('is a refusal', async () => {
    expect(await probeCompute(at(await findFreePort()), network)).toBe('silent');
  });

  it.each<[string, (socket: Socket) => void]>([
    ['a reset', (socket) => socket.resetAndDestroy()],
    ['an end', (socket) => socket.end()],
    ['what no Postgres says', (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')],
  ])('is %s', async (_what, act) => {
    const port = await serve(act);
    expect(await probeCompute(at(port), network)).toBe('silent');
    expect(heard).toBe(sslRequest);
  });

  it('is a server that accepts and does not answer in time', async () => {
    const port = await serve(() => undefined);
    const begunAt = performance.now();
    expect(await probeCompute(at(port), network, limitMs)).toBe('silent');
    expect(performance.now() - begunAt).toBeGreaterThanOrEqual(limitMs - 1);
    expect(heard).toBe(sslRequest);
  });

  it('is an address whose packets are dropped', async () => {
    const hole = await startBlackHole();
    expect(hole.fillers).toBeGreaterThan(0);
    expect(await probeCompute(hole.address, network, limitMs)).toBe('silent');
    await hole.stop();
  });
});

describe('nothing is found out', () => {
  it('about an address that may not be dialled', async () => {
    const elsewhere = createComputeNetwork({ networks: ['10.0.0.0/8'] });
    const port = await serve((socket) => socket.write('N'));
    expect(await probeCompute(at(port), elsewhere)).toBe('failed');
    expect(heard).toBe('');
  });
});

it('an answer that came while this process stood still is heard', async () => {
  const port = await serve((socket) => socket.write('N'));
  const probed = probeCompute(at(port), network, limitMs);
  while (heard === '') await new Promise((resolve) => setImmediate(resolve));
  const end = performance.now() + 2 * limitMs;
  while (performance.now() < end);
  expect(await probed).toBe('alive');
});
