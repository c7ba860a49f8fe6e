// WebSockets against a real node:http server: `ws` as the client where it can say it, bare bytes where it cannot.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import { type AddressInfo, type Socket, connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { DuplexSink } from '@pgwake/relay';
import { type LeakCheck, startLeakCheck, waitFor } from '@pgwake/testkit';
import { WebSocket } from 'ws';
import { type OpenWebSocket, type WebSocketGate, type WebSocketGateOptions, createWebSocketGate } from './index.js';

const defaults: WebSocketGateOptions = {
  maxMessageBytes: 1_000_000,
  allowedOrigins: [],
  pingIntervalMs: 60_000,
  idleTimeoutMs: 0,
};

let leaks: LeakCheck;
let server: Server;
let gate: WebSocketGate;
let opened: OpenWebSocket[];
const clients: WebSocket[] = [];
const sockets: Socket[] = [];

beforeEach(() => {
  leaks = startLeakCheck();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.terminate();
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const { duplex } of opened) duplex.destroy();
  gate.close();
  server.close();
  await leaks.expectNothingLeft();
});

async function start(options: Partial<WebSocketGateOptions> = {}): Promise<number> {
  gate = createWebSocketGate({ ...defaults, ...options });
  opened = [];
  server = createServer((_request, response) => response.writeHead(404).end());
  server.on('upgrade', (request, socket, head) =>
    gate.upgrade(request, socket as Socket, head, (webSocket) => opened.push(webSocket)),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

function open(port: number, path = '/v2', options: ConstructorParameters<typeof WebSocket>[2] = {}): WebSocket {
  const client = new WebSocket(`ws://127.0.0.1:${port}${path}`, options);
  client.on('error', () => undefined);
  clients.push(client);
  return client;
}

/** What the server's side of a WebSocket hears. */
class Ears implements DuplexSink {
  bytes = Buffer.alloc(0);
  drains = 0;
  closed: { readonly cause: Error | undefined } | undefined;

  onBytes(bytes: Uint8Array): void {
    this.bytes = Buffer.concat([this.bytes, bytes]);
  }
  onDrain(): void {
    this.drains += 1;
  }
  onEnd(): void {
    throw new Error('a WebSocket has no half-close');
  }
  onClose(cause: Error | undefined): void {
    if (this.closed !== undefined) throw new Error('closed twice');
    this.closed = { cause };
  }
}

async function first(): Promise<{ duplex: OpenWebSocket['duplex']; host: string | undefined; ears: Ears }> {
  await waitFor(() => opened[0] !== undefined, 2_000);
  const { duplex, host } = opened[0] as OpenWebSocket;
  const ears = new Ears();
  duplex.attach(ears);
  return { duplex, host, ears };
}

describe('a WebSocket', () => {
  it('is one stream of bytes, however it is cut into frames and fragments', async () => {
    const client = open(await start());
    await once(client, 'open');
    const { duplex, ears } = await first();
    client.send(Buffer.from('one'));
    client.send(Buffer.alloc(0));
    client.send(Buffer.from(' t'), { fin: false });
    client.send(Buffer.from('wo'), { fin: true });
    await waitFor(() => ears.bytes.toString() === 'one two', 2_000);
    duplex.write(Buffer.from('three'));
    expect(await once(client, 'message')).toEqual([Buffer.from('three'), true]);
    expect(duplex.bytesCarried).toBe('one twothree'.length);
  });

  it('keeps what came before anybody listened, and between two listeners', async () => {
    const client = open(await start());
    await once(client, 'open');
    await waitFor(() => opened.length === 1, 2_000);
    const { duplex } = opened[0] as OpenWebSocket;
    for (const word of ['a', 'b', 'c', 'd']) client.send(Buffer.from(word));
    const heard: string[] = [];
    duplex.attach({
      onBytes: (bytes) => {
        heard.push(Buffer.from(bytes).toString());
        duplex.detach();
      },
      onDrain: () => undefined,
      onEnd: () => undefined,
      onClose: () => undefined,
    });
    await waitFor(() => heard.length === 1, 2_000);
    const rest = new Ears();
    duplex.attach(rest);
    await waitFor(() => rest.bytes.toString() === 'bcd', 2_000);
  });

  it('asks its writer to wait while the peer reads nothing, and to go on afterwards', async () => {
    const client = open(await start());
    await once(client, 'open');
    const { duplex, ears } = await first();
    client.pause();
    const chunk = randomBytes(64 * 1024);
    let sent = 0;
    while (duplex.write(chunk)) {
      sent += 1;
      if (sent > 1_000) throw new Error('no backpressure');
      await new Promise(setImmediate);
    }
    const expected = (sent + 1) * chunk.length;
    let received = 0;
    client.on('message', (data) => (received += (data as Buffer).length));
    client.resume();
    await waitFor(() => received === expected, 5_000);
    await waitFor(() => ears.drains === 1, 2_000);
  });

  it('reads nothing from its peer while it is paused', async () => {
    const client = open(await start());
    await once(client, 'open');
    const { duplex, ears } = await first();
    duplex.pause();
    const chunk = randomBytes(500_000);
    for (let sent = 0; sent < 60; sent++) client.send(chunk);
    // The kernel's buffers and one frame are full, and then it stops.
    await waitFor(() => client.bufferedAmount > 0, 2_000);
    const before = ears.bytes.length;
    expect(before).toBeLessThan(2 * chunk.length);
    duplex.resume();
    await waitFor(() => ears.bytes.length === 60 * chunk.length, 10_000);
  }, 15_000);

  it('ends with the closing handshake behind its last words', async () => {
    const client = open(await start());
    await once(client, 'open');
    const { duplex, ears } = await first();
    const words = once(client, 'message');
    const closed = once(client, 'close');
    duplex.write(Buffer.from('goodbye'));
    duplex.end();
    expect(await words).toEqual([Buffer.from('goodbye'), true]);
    expect((await closed)[0]).toBe(1000);
    await waitFor(() => ears.closed !== undefined, 2_000);
    expect(ears.closed).toEqual({ cause: undefined });
  });

  it('says that the server goes away', async () => {
    const client = open(await start());
    await once(client, 'open');
    const { duplex } = await first();
    const closed = once(client, 'close');
    duplex.goAway();
    duplex.end();
    expect((await closed)[0]).toBe(1001);
  });

  it('takes the end of a driver that gives no code as orderly', async () => {
    const client = open(await start());
    await once(client, 'open');
    const { ears } = await first();
    client.close();
    await waitFor(() => ears.closed !== undefined, 2_000);
    expect(ears.closed).toEqual({ cause: undefined });
  });

  it('knows a peer that breaks off', async () => {
    const client = open(await start());
    await once(client, 'open');
    const { ears } = await first();
    client.terminate();
    await waitFor(() => ears.closed !== undefined, 2_000);
    expect(ears.closed?.cause?.message).toBe('the WebSocket broke off');
  });
});

describe('what is refused', () => {
  it.each([
    [
      'a text frame, with all that follows it,',
      (client: WebSocket) => {
        client.send('select 1');
        client.send(Buffer.from('select 2'));
      },
      1003,
    ],
    ['a message that is too long', (client: WebSocket) => client.send(Buffer.alloc(1_000_001)), 1009],
    [
      'a flood of pings',
      (client: WebSocket) => {
        for (let sent = 0; sent < 30; sent++) client.ping();
      },
      1008,
    ],
  ])('%s ends with its close code', async (_what, send, code) => {
    const client = open(await start({ pingIntervalMs: 1_000 }));
    await once(client, 'open');
    const { ears } = await first();
    const closed = once(client, 'close');
    send(client);
    expect((await closed)[0]).toBe(code);
    await waitFor(() => ears.closed !== undefined, 2_000);
    expect(ears.bytes).toHaveLength(0);
  });

  it('an origin that is not allowed gets 403, no origin and an allowed one come in', async () => {
    const port = await start({ allowedOrigins: ['https://good.example'] });
    const foreign = open(port, '/v2', { origin: 'https://bad.example' });
    const [, response] = (await once(foreign, 'unexpected-response')) as [unknown, { statusCode: number }];
    expect(response.statusCode).toBe(403);
    await once(open(port, '/v2', { origin: 'https://good.example' }), 'open');
    await once(open(port), 'open');
    expect(opened).toHaveLength(2);
  });
});

describe('the host that the client came for', () => {
  it.each([
    ['/v2', 'shop.db.example:4444', 'shop.db.example'],
    ['/v1?address=shop.db.example:5432', 'gateway.example', 'shop.db.example'],
    ['/anything?address=shop.db.example', 'gateway.example', 'shop.db.example'],
    ['/v2?address=', 'gateway.example', undefined],
    ['http://shop.db.example:4444/v2', 'gateway.example', 'shop.db.example'],
  ])('of %s with Host %s is %s', async (path, host, wanted) => {
    const socket = connect(await start(), '127.0.0.1');
    sockets.push(socket);
    socket.write(request({ Host: host }, 'GET', path));
    await once(socket, 'data');
    expect((await first()).host).toBe(wanted);
  });
});

describe('the watch', () => {
  it('cuts off a peer that answers no ping', async () => {
    const client = open(await start({ pingIntervalMs: 30 }), '/v2', { autoPong: false });
    const pings: unknown[] = [];
    client.on('ping', (ping) => pings.push(ping));
    const closed = once(client, 'close');
    await once(client, 'open');
    const { ears } = await first();
    expect((await closed)[0]).toBe(1006);
    expect(pings).toHaveLength(2);
    await waitFor(() => ears.closed !== undefined, 2_000);
  });

  it('leaves a peer alone whose bytes we do not read', async () => {
    const client = open(await start({ pingIntervalMs: 20 }), '/v2', { autoPong: false });
    await once(client, 'open');
    const { duplex, ears } = await first();
    duplex.pause();
    let beats = 0;
    const beat = setInterval(() => (beats += 1), 20);
    await waitFor(() => beats > 8, 5_000);
    clearInterval(beat);
    expect(ears.closed).toBeUndefined();
  });

  it('closes one that carries no data for the idle time, pongs or not', async () => {
    const client = open(await start({ pingIntervalMs: 25, idleTimeoutMs: 200 }));
    const closed = once(client, 'close');
    await once(client, 'open');
    const { duplex } = await first();
    let words = 0;
    const talk = setInterval(() => {
      words += 1;
      if (words <= 8) duplex.write(Buffer.from('.'));
    }, 50);
    expect((await closed)[0]).toBe(1000);
    clearInterval(talk);
    expect(words).toBeGreaterThanOrEqual(8);
  });
});

/** Corpus W: what `ws` as a client would never send. Each entry has a fixed answer. */
describe('hostile frames', () => {
  const mask = Buffer.from([1, 2, 3, 4]);
  const masked = (payload: Buffer) => Buffer.from(payload.map((byte, at) => byte ^ (mask[at % 4] ?? 0)));
  const frame = (first: number, payload = Buffer.alloc(0)) =>
    Buffer.concat([Buffer.from([first, 0x80 | payload.length]), mask, masked(payload)]);

  it.each([
    ['an unmasked frame', Buffer.from([0x82, 1, 65]), 1002],
    ['a reserved bit', frame(0xc2), 1002],
    ['an unknown data opcode', frame(0x83), 1002],
    ['an unknown control opcode', frame(0x8b), 1002],
    ['a fragmented ping', frame(0x09), 1002],
    ['a ping of 126 bytes', Buffer.concat([Buffer.from([0x89, 0xfe, 0, 126]), mask, Buffer.alloc(126)]), 1002],
    ['a length of 2 to the power of 63', Buffer.from([0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]), 1009],
    ['a length just above the limit', Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0x0f, 0x42, 0x41, 1, 2, 3, 4]), 1009],
    ['a continuation of nothing', frame(0x80), 1002],
    ['a new message inside another', Buffer.concat([frame(0x02), frame(0x82)]), 1002],
    ['close code 0', frame(0x88, Buffer.from([0, 0])), 1002],
    ['close code 999', frame(0x88, Buffer.from([0x03, 0xe7])), 1002],
    ['close code 1005', frame(0x88, Buffer.from([0x03, 0xed])), 1002],
    ['close code 1006', frame(0x88, Buffer.from([0x03, 0xee])), 1002],
    ['a close frame of one byte', frame(0x88, Buffer.from([3])), 1002],
    ['a close reason that is no UTF-8', frame(0x88, Buffer.from([0x03, 0xe8, 0xff])), 1007],
    [
      'endless empty fragments',
      Buffer.concat([frame(0x02), ...Array.from({ length: 2_000 }, () => frame(0x00))]),
      1008,
    ],
  ])('%s ends with its close code', async (_what, bytes, code) => {
    const socket = await handshake(await start());
    const { ears } = await first();
    socket.write(bytes);
    const heard = await readToEnd(socket);
    expect(heard[0]).toBe(0x88);
    expect(heard.readUInt16BE(2)).toBe(code);
    await waitFor(() => ears.closed !== undefined, 7_000);
    expect(ears.bytes).toHaveLength(0);
  });

  async function handshake(port: number): Promise<Socket> {
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.write(request());
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toContain('HTTP/1.1 101 ');
    return socket;
  }
});

describe('hostile handshakes', () => {
  it.each([
    ['version 12', request({ 'Sec-WebSocket-Version': '12' }), '400'],
    ['no key', request({ 'Sec-WebSocket-Key': undefined }), '400'],
    ['a key of the wrong length', request({ 'Sec-WebSocket-Key': 'c2hvcnQ=' }), '400'],
    ['POST', request({}, 'POST'), '405'],
    ['another protocol', request({ Upgrade: 'h2c' }), '400'],
    ['extension offers of junk', request({ 'Sec-WebSocket-Extensions': ';;;=,' }), '101'],
    ['a subprotocol', request({ 'Sec-WebSocket-Protocol': 'postgresql' }), '101'],
    ['a path that is no path', request({}, 'GET', '//[::bad'), '101'],
  ])('%s: %#', async (_what, bytes, status) => {
    const socket = connect(await start(), '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.write(bytes);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString().split(' ')[1]).toBe(status);
    if (status !== '101') expect(opened).toHaveLength(0);
    else expect(answer.toString()).not.toMatch(/sec-websocket-(protocol|extensions)/i);
  });
});

function request(changes: Readonly<Record<string, string | undefined>> = {}, method = 'GET', path = '/v2'): string {
  const headers = {
    Host: 'demo.localhost',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    ...changes,
  };
  const lines = Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]));
  return [`${method} ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n');
}

async function readToEnd(socket: Socket): Promise<Buffer> {
  let heard = Buffer.alloc(0);
  socket.on('data', (chunk) => (heard = Buffer.concat([heard, chunk])));
  await waitFor(() => heard.length >= 4, 2_000);
  socket.end();
  return heard;
}
