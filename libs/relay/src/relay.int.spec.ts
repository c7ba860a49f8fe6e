import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { ByteDuplex } from './duplex.js';
import { startRelay, type Relay } from './relay.js';

const opened: Socket[] = [];

afterEach(() => {
  for (const socket of opened.splice(0)) socket.destroy();
});

/** Two ends of one TCP connection. */
async function connectPair(): Promise<[near: Socket, far: Socket]> {
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const far = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
  const [near] = (await once(server, 'connection')) as [Socket];
  server.close();
  opened.push(near, far);
  far.on('error', () => undefined);
  return [near, far];
}

class SocketDuplex implements ByteDuplex {
  readonly #socket: Socket;
  #error: Error | undefined;
  maxBufferedBytes = 0;
  onPause: () => void = () => undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
  }
  attach(sink: Parameters<ByteDuplex['attach']>[0]): void {
    this.#socket.on('data', (bytes) => sink.onBytes(bytes as Buffer));
    this.#socket.on('drain', () => sink.onDrain());
    this.#socket.on('end', () => sink.onEnd());
    this.#socket.on('error', (error) => (this.#error = error));
    this.#socket.on('close', () => sink.onClose(this.#error));
    this.#socket.resume();
  }
  detach(): void {
    this.#socket.removeAllListeners();
  }
  write(bytes: Uint8Array): boolean {
    const more = this.#socket.write(bytes);
    this.maxBufferedBytes = Math.max(this.maxBufferedBytes, this.#socket.writableLength);
    return more;
  }
  pause(): void {
    this.#socket.pause();
    this.onPause();
  }
  resume(): void {
    this.#socket.resume();
  }
  end(): void {
    this.#socket.end();
  }
  destroy(): void {
    this.#socket.destroy();
  }
}

interface Session {
  readonly relay: Relay;
  /** The far ends: what the client and the compute hold. */
  readonly client: Socket;
  readonly compute: Socket;
  readonly towardsClient: SocketDuplex;
  readonly towardsCompute: SocketDuplex;
}

const lastWords = message('E', Buffer.from('lost'));

async function startSession(): Promise<Session> {
  const [nearClient, client] = await connectPair();
  const [nearCompute, compute] = await connectPair();
  const towardsClient = new SocketDuplex(nearClient);
  const towardsCompute = new SocketDuplex(nearCompute);
  const relay = startRelay({ client: towardsClient, compute: towardsCompute, lastWords: () => lastWords });
  return { relay, client, compute, towardsClient, towardsCompute };
}

function message(tag: string, body: Buffer): Buffer {
  const header = Buffer.from(`${tag}\0\0\0\0`);
  header.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([header, body]);
}

/** Writes messages of `totalBytes` as fast as the socket takes them, ends after `mayEnd`; returns their SHA-256. */
async function pour(socket: Socket, totalBytes: number, mayEnd?: Promise<unknown>): Promise<string> {
  const hash = createHash('sha256');
  const bodies = [1, 100, 8_000, 70_000].map((size) => randomBytes(size));
  let sentBytes = 0;
  for (let turn = 0; sentBytes < totalBytes; turn++) {
    const chunk = message('d', bodies[turn % bodies.length] ?? Buffer.alloc(0));
    hash.update(chunk);
    sentBytes += chunk.length;
    if (!socket.write(chunk)) await once(socket, 'drain');
  }
  await mayEnd;
  socket.end();
  return hash.digest('hex');
}

async function digest(socket: Socket): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of socket) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

describe('the relay between real sockets', () => {
  it('brings 50 MB each way at the same time, unchanged', async () => {
    const { relay, client, compute, towardsClient, towardsCompute } = await startSession();
    const totalBytes = 50e6;
    const computeRead = digest(compute);
    const [sentUp, sentDown, readByCompute, readByClient] = await Promise.all([
      pour(client, totalBytes),
      // The compute ends once it has read the client's end, as Postgres does. An earlier end would be the end of the
      // session: the relay would cut the client off.
      pour(compute, totalBytes, computeRead),
      computeRead,
      digest(client),
    ]);
    expect([readByCompute, readByClient]).toEqual([sentUp, sentDown]);
    const ending = await relay.ended;
    expect(ending.bytesUp).toBeGreaterThanOrEqual(totalBytes);
    expect(ending.bytesDown).toBeGreaterThanOrEqual(totalBytes);
    expect(Math.max(towardsClient.maxBufferedBytes, towardsCompute.maxBufferedBytes)).toBeLessThan(200_000);
  });

  it('holds back the compute while the client reads nothing, with bounded bytes in memory', async () => {
    const { client, compute, towardsClient, towardsCompute } = await startSession();
    const heldBack = new Promise<void>((resolve) => (towardsCompute.onPause = resolve));
    client.end(message('X', Buffer.alloc(0))); // so the end of the compute's stream is no loss
    const pouring = pour(compute, 40e6, digest(compute));
    await heldBack;
    expect(towardsClient.maxBufferedBytes).toBeGreaterThan(0);
    expect(await digest(client)).toBe(await pouring);
    expect(towardsClient.maxBufferedBytes).toBeLessThan(200_000);
  });

  it('delivers the answer to a client that half-closed after its query', async () => {
    const { relay, client, compute } = await startSession();
    client.end(message('Q', Buffer.from('select 1\0')));
    const asked = await buffer(compute); // up to the client's end
    const answer = Buffer.concat([message('C', Buffer.from('SELECT 1\0')), message('Z', Buffer.from('I'))]);
    compute.end(answer);
    expect(asked).toEqual(message('Q', Buffer.from('select 1\0')));
    expect(await buffer(client)).toEqual(answer);
    expect(await relay.ended).toMatchObject({ endedBy: 'client', cause: undefined, bytesDown: answer.length });
  });

  it('closes the compute when the client resets', async () => {
    const { relay, client, compute } = await startSession();
    const seen = once(compute, 'data');
    client.write(message('Q', Buffer.from('select pg_sleep(60)\0')));
    await seen;
    const closed = once(compute, 'end');
    client.resetAndDestroy();
    await closed;
    compute.destroy();
    const ending = await relay.ended;
    expect(ending).toMatchObject({ endedBy: 'client', atEnd: 'inQuery' });
    expect(ending.cause).toMatchObject({ code: 'ECONNRESET' });
  });

  it('tells the client when the compute resets, after all that the compute had sent', async () => {
    const { relay, client, compute } = await startSession();
    const row = message('D', Buffer.from('row'));
    client.write(message('Q', Buffer.from('select\0')));
    await once(compute, 'data');
    compute.write(row);
    const [first] = (await once(client, 'data')) as [Buffer];
    compute.resetAndDestroy();
    expect(Buffer.concat([first, await buffer(client)])).toEqual(Buffer.concat([row, lastWords]));
    client.end();
    const ending = await relay.ended;
    expect(ending).toMatchObject({ endedBy: 'compute', atEnd: 'inQuery' });
    expect(ending.cause).toMatchObject({ code: 'ECONNRESET' });
  });
});
