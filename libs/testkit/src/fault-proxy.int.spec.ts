import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { concatBytes, encodeNoticeResponse, encodeReadyForQuery } from '@pgwake/pg-wire';
import type { NodeAddress } from '@pgwake/wake-api';
import {
  type FaultProxy,
  type FaultProxyOptions,
  type LeakCheck,
  startFaultProxy,
  startLeakCheck,
  waitFor,
} from './index.js';

let leaks: LeakCheck;
let target: Server;
let proxy: FaultProxy;
let sockets: Socket[];

beforeEach(() => {
  leaks = startLeakCheck();
  sockets = [];
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await proxy.stop();
  target.close();
  await leaks.expectNothingLeft();
});

/** A target that does `serve` with each connection, and a proxy in front of it. */
async function start(serve: (socket: Socket) => void, options: Omit<FaultProxyOptions, 'target'> = {}): Promise<void> {
  target = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket.on('error', () => undefined));
    serve(socket);
  });
  target.listen(0, '127.0.0.1');
  await once(target, 'listening');
  proxy = await startFaultProxy({ target: (target.address() as AddressInfo).port, ...options });
}

const echo = (socket: Socket) => void socket.pipe(socket);

interface Client {
  readonly socket: Socket;
  readonly received: () => string;
  /** Resolves when the connection is over, with the code of its error. */
  readonly over: Promise<string | undefined>;
}

function dial(address: NodeAddress = proxy.address): Client {
  const { port } = address;
  const path = address.kind === 'unix' ? `${address.socketDirectory}/.s.PGSQL.${port}` : undefined;
  const socket = path === undefined ? connect({ port, host: '127.0.0.1', allowHalfOpen: true }) : connect({ path });
  sockets.push(socket);
  let received = '';
  let code: string | undefined;
  socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
  socket.on('error', (error: NodeJS.ErrnoException) => (code = error.code));
  return {
    socket,
    received: () => received,
    over: new Promise((resolve) => socket.on('close', () => resolve(code))),
  };
}

describe('a fault proxy without a fault', () => {
  it('passes everything and both ends, each when it comes', async () => {
    await start((socket) => {
      let bytes = 0;
      socket.on('data', (chunk: Buffer) => (bytes += chunk.length));
      socket.on('end', () => socket.end(`got ${bytes}`));
    });
    const { socket, received, over } = dial();
    socket.end(Buffer.alloc(3_000_000));
    socket.on('end', () => socket.end());
    expect(await over).toBeUndefined();
    expect(received()).toBe('got 3000000');
    await waitFor(() => proxy.happened.open === 0, 1_000);
    expect(proxy.happened).toMatchObject({ accepted: 1, bytesUp: 3_000_000, bytesDown: 11 });
  });

  it('slows the sender down to the pace of the receiver', async () => {
    await start(() => undefined); // reads nothing yet
    const total = 64 * 1024 * 1024;
    const { socket } = dial();
    socket.write(Buffer.alloc(total));
    let before = -1;
    await waitFor(() => {
      const standsStill = proxy.happened.bytesUp > 0 && proxy.happened.bytesUp + socket.bytesRead === before;
      before = proxy.happened.bytesUp + socket.bytesRead;
      return standsStill;
    }, 5_000);
    expect(socket.writableLength).toBeGreaterThan(total / 4);
    sockets.at(-1)?.resume();
    await once(socket, 'drain');
    await waitFor(() => proxy.happened.bytesUp === total, 5_000);
  });

  it('passes a reset on', async () => {
    await start((socket) => void socket.once('data', () => socket.resetAndDestroy()));
    const { socket, over } = dial();
    socket.write('x');
    expect(await over).toBe('ECONNRESET');
  });

  it('resets the client of a target that cannot be reached', async () => {
    await start(echo);
    target.close();
    expect(await dial().over).toBe('ECONNRESET');
    expect(proxy.happened).toMatchObject({ accepted: 1, unreachable: 1 });
  });

  it('refuses and listens again when told to', async () => {
    await start(echo);
    const before = dial();
    await once(before.socket, 'connect');
    proxy.refuse();
    expect(await dial().over).toBe('ECONNREFUSED');
    before.socket.write('still there');
    await waitFor(() => before.received() === 'still there', 1_000);
    await proxy.listen();
    const after = dial();
    after.socket.write('back');
    await waitFor(() => after.received() === 'back', 1_000);
  });

  it('stands between unix sockets too', async () => {
    const socketDirectory = await mkdtemp(join(tmpdir(), 'pgwake-'));
    await start(echo, { socketDirectory });
    const inner = proxy;
    proxy = await startFaultProxy({ target: inner.address });
    const { socket, received } = dial();
    socket.write('through both');
    await waitFor(() => received() === 'through both', 1_000);
    await inner.stop();
    await rm(socketDirectory, { recursive: true });
  });
});

describe('a fault of a fault proxy', () => {
  it.each([0, 1, 17, 30])('resets after exactly %d bytes', async (bytes) => {
    await start((socket) => void socket.write('a'.repeat(30)), {
      faults: { down: { kind: 'reset', after: { bytes } } },
    });
    const { received, over } = dial();
    expect(await over).toBe('ECONNRESET');
    expect(received()).toHaveLength(bytes);
    expect(proxy.happened).toMatchObject({ resets: 1, bytesDown: bytes });
  });

  it('resets at a message border', async () => {
    const ready = encodeReadyForQuery();
    const notice = encodeNoticeResponse({ severity: 'NOTICE', code: '00000', message: 'Half way' });
    await start((socket) => void socket.write(concatBytes(notice, ready, notice)), {
      faults: { down: { kind: 'reset', after: { messages: 2 } } },
    });
    const { received, over } = dial();
    expect(await over).toBe('ECONNRESET');
    expect(received()).toHaveLength(notice.length + ready.length);
  });

  it('half-closes one direction and leaves the other', async () => {
    await start(echo, { faults: { down: { kind: 'halfClose', after: { bytes: 2 } } } });
    const { socket, received } = dial();
    socket.write('hello');
    await once(socket, 'end');
    expect(received()).toBe('he');
    socket.write('more');
    await waitFor(() => proxy.happened.bytesUp === 9 && proxy.happened.droppedBytes === 7, 1_000);
    expect(proxy.happened.halfCloses).toBe(1);
  });

  it('stalls, end included, until it is healed', async () => {
    await start(echo, { faults: { up: { kind: 'stall', after: { bytes: 3 } } } });
    const { socket, received, over } = dial();
    socket.end('abcdef');
    await waitFor(() => received() === 'abc', 1_000);
    expect(proxy.happened).toMatchObject({ stalls: 1, bytesUp: 3 });
    socket.on('end', () => socket.end());
    proxy.inject({}, 'all');
    expect(await over).toBeUndefined();
    expect(received()).toBe('abcdef');
  });

  it('loses an answer', async () => {
    await start(echo, { faults: { down: { kind: 'drop', after: { bytes: 0 } } } });
    const { socket, received } = dial();
    socket.end('question');
    await once(socket, 'end');
    expect(received()).toBe('');
    expect(proxy.happened).toMatchObject({ bytesUp: 8, bytesDown: 0, droppedBytes: 8 });
  });

  it('corrupts one byte', async () => {
    await start(echo, { faults: { up: { kind: 'corrupt', atByte: 4 } } });
    const { socket, received } = dial();
    socket.write('abc');
    await waitFor(() => received() === 'abc', 1_000);
    socket.write('defg');
    await waitFor(() => received().length === 7, 1_000);
    expect(received()).toBe('abcd\x9afg');
    expect(proxy.happened.corrupted).toBe(1);
  });

  it('delays by the latency', async () => {
    await start(echo, { faults: { up: { kind: 'latency', delayMs: 100 } } });
    const { socket, received } = dial();
    const begin = performance.now();
    socket.write('one');
    await waitFor(() => received() === 'one', 2_000);
    expect(performance.now() - begin).toBeGreaterThanOrEqual(99);
    expect(proxy.happened.delayed).toBe(1);
  });

  it('cuts into slices', async () => {
    await start((socket) => void socket.end('abcdefg'), { faults: { down: { kind: 'slice', bytes: 3, everyMs: 1 } } });
    const { socket, received } = dial();
    await once(socket, 'end');
    expect(received()).toBe('abcdefg');
    expect(proxy.happened.slices).toBe(3);
  });

  it('is for new connections, and for those that are open when told so', async () => {
    await start(echo);
    const first = dial();
    first.socket.write('x');
    await waitFor(() => first.received() === 'x', 1_000);
    proxy.inject({ up: { kind: 'reset', after: { bytes: 0 } } });
    expect(await dial().over).toBe('ECONNRESET');
    first.socket.write('y');
    await waitFor(() => first.received() === 'xy', 1_000);
    proxy.inject({ up: { kind: 'reset', after: { bytes: 0 } } }, 'all');
    expect(await first.over).toBe('ECONNRESET');
    expect(proxy.happened.resets).toBe(2);
  });

  it('ends with the proxy, even a stall', async () => {
    await start(() => undefined, { faults: { up: { kind: 'stall', after: { bytes: 0 } } } });
    const { socket, over } = dial();
    socket.write('x');
    await waitFor(() => proxy.happened.stalls === 1, 1_000);
    socket.on('end', () => socket.end());
    await proxy.stop();
    await over;
    expect(proxy.happened.open).toBe(0);
  });
});
