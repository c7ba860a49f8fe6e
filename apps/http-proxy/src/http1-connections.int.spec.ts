// Connections of HTTP/1.1 at Node's real server, over real sockets. There are no queries: each request is told back what came.

import { once } from 'node:events';
import { type IncomingMessage, type Server, createServer } from 'node:http';
import {
  type Server as Acceptor,
  type AddressInfo,
  type Socket,
  connect,
  createServer as createAcceptor,
} from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { adoptSocket } from '@pgwake/bare-sockets';
import { ClientLimits } from '@pgwake/limits';
import { waitFor } from '@pgwake/testkit';
import fc from 'fast-check';
import { Client } from './client.js';
import type { Exchange } from './exchange.js';
import { Http1Connections } from './http1-connections.js';
import { readBody } from './read-body.js';
import { RequestAbort } from './request-abort.js';

const keepAliveMs = 1_000;
const keptMs = keepAliveMs + 1_000; // and a little
const mostBytes = 1_000_000;
const rounds = 40;

let server: Server;
let acceptor: Acceptor;
let connections: Http1Connections;
let client: Socket;
let heard: string;
/** Requests that nobody has answered yet. */
let waiting: { readonly exchange: Exchange; readonly isRepeated: boolean }[];
let mode: 'echo' | 'wait';
let repeated: number;
let parsed: number;
let begun: number;
const sockets = new Set<Socket>();

async function serve(exchange: Exchange, isRepeated: boolean): Promise<void> {
  begun += 1;
  if (isRepeated) repeated += 1;
  if (mode === 'wait') return void waiting.push({ exchange, isRepeated });
  await echo(exchange);
}

async function echo(exchange: Exchange): Promise<void> {
  const body = await readBody(exchange, mostBytes, new RequestAbort());
  const text = JSON.stringify([exchange.headers['x-word'], Buffer.from(body).toString('latin1')]);
  exchange.answer(200, [], Buffer.from(text));
}

async function start(lends: boolean, { maxRequests = 1_000, knownMs = 600_000 } = {}): Promise<void> {
  const limits = new ClientLimits({}, { clock: { now: () => performance.now() }, onRefusal: () => undefined });
  connections = new Http1Connections({
    keepAliveMs,
    maxRequests,
    knownMs,
    onRepeat: (exchange) => void serve(exchange, true),
  });
  server = createServer({ keepAliveTimeout: 0 });
  server.on('request', (request, response) => {
    parsed += 1;
    const exchange = connections.began(request, response);
    if (exchange !== undefined) void serve(exchange, false);
  });
  server.on('upgrade', (_request, socket: Socket) => connections.left(socket));
  acceptor = createAcceptor({ allowHalfOpen: true, pauseOnConnect: true }, (accepted) => {
    const { socket, reads } = lends ? adoptSocket(accepted) : { socket: accepted, reads: undefined };
    sockets.add(socket);
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
    const entry = limits.enter('127.0.0.1');
    if (entry.kind === 'turnedAway') throw entry.error;
    server.emit('connection', socket);
    connections.opened(socket, reads, new Client('127.0.0.1', entry.visit));
    socket.resume();
  });
  acceptor.listen(0, '127.0.0.1');
  await once(acceptor, 'listening');
  client = dial();
}

function dial(): Socket {
  const socket = connect({ port: (acceptor.address() as AddressInfo).port, host: '127.0.0.1', noDelay: true });
  socket.on('error', () => undefined);
  heard = '';
  socket.on('data', (chunk) => (heard += chunk.toString('latin1')));
  return socket;
}

beforeEach(() => {
  [waiting, mode, repeated, parsed, begun] = [[], 'echo', 0, 0, 0];
});

afterEach(async () => {
  client.destroy();
  for (const socket of sockets) socket.destroy();
  acceptor.close();
  await once(acceptor, 'close');
});

function query(body: string, word = 'one', more = ''): string {
  return `POST /sql HTTP/1.1\r\nHost: a\r\nX-Word: ${word}\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`;
}

function bodiesIn(answers: string): unknown[] {
  return [...answers.matchAll(/\r\n\r\n(\[.*?\])(?=HTTP|$)/gs)].map(([, text]) => JSON.parse(text as string));
}

/** Sends it, and has the answers to it. */
async function ask(bytes: string, answers = 1): Promise<unknown[]> {
  const before = bodiesIn(heard).length;
  client.write(bytes, 'latin1');
  await waitFor(() => bodiesIn(heard).length >= before + answers, 5_000);
  return bodiesIn(heard).slice(before);
}

/** So that the next one is repeated, if it is like this one. */
async function warm(): Promise<void> {
  expect(await ask(query('first'))).toEqual([['one', 'first']]);
}

async function begin(bytes: string): Promise<{ readonly exchange: Exchange; readonly isRepeated: boolean }> {
  mode = 'wait';
  client.write(bytes, 'latin1');
  await waitFor(() => waiting.length > 0, 5_000);
  return waiting.shift() as (typeof waiting)[number];
}

/** Whatever else comes makes the rest of the connection the parser's. */
const often = <T>(what: T): T[] => Array<T>(15).fill(what);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe.each([
  ['that lends its reads', true],
  ['like any other', false],
])('on a socket %s, a request', (_, lends) => {
  beforeEach(() => start(lends));

  it('goes past the parser when its head came before, with whatever body', async () => {
    await warm();
    for (const body of ['first', 'second', 'x'.repeat(20_000), '']) {
      expect(await ask(query(body))).toEqual([['one', body]]);
    }
    expect(repeated).toBe(4);
    expect(heard).toMatch(
      /HTTP\/1\.1 200 OK\r\ncache-control: no-store\r\nneon-request-id: [0-9a-f-]{36}\r\ncontent-length: 10\r\ndate: \w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT\r\nkeep-alive: timeout=1\r\nconnection: keep-alive\r\n\r\n\["one",""\]$/,
    );
  });

  it('goes to the parser when its head is new', async () => {
    await warm();
    expect(await ask(query('a', 'two'))).toEqual([['two', 'a']]);
    expect(repeated).toBe(0);
    expect(await ask(query('b', 'one'))).toEqual([['one', 'b']]);
    expect(await ask(query('c', 'two'))).toEqual([['two', 'c']]);
    expect(repeated).toBe(2);
  });

  it('goes to the parser when the one before was not answered well', async () => {
    const { exchange } = await begin(query('wrong password'));
    exchange.answer(401, [], Buffer.from('["no",""]'));
    await waitFor(() => bodiesIn(heard).length === 1, 5_000);
    mode = 'echo';
    await warm();
    expect(repeated).toBe(0);
    await ask(query('again'));
    expect(repeated).toBe(1);
  });

  it('goes to the parser when it seems to come in the rest of another one', async () => {
    await warm();
    const { exchange } = await begin(`POST /other HTTP/1.1\r\nHost: a\r\nContent-Length: ${query('a').length}\r\n\r\n`);
    exchange.answer(404, [], Buffer.from('["early",""]'));
    await waitFor(() => bodiesIn(heard).length === 2, 5_000);
    await pause(20);
    mode = 'echo';
    client.write(query('a'));
    await pause(50);
    expect([begun, bodiesIn(heard).length]).toEqual([2, 2]);
    expect(await ask(query('b'))).toEqual([['one', 'b']]);
  });

  it('goes to the parser while an answer to another one is due, or not sent', async () => {
    await warm();
    const { exchange, isRepeated } = await begin(query('slow', 'two'));
    expect(isRepeated).toBe(false);
    mode = 'echo';
    client.write(query('fast'));
    await waitFor(() => begun === 3, 5_000);
    await echo(exchange);
    await waitFor(() => bodiesIn(heard).length === 3, 5_000);
    const bodies = [
      ['one', 'first'],
      ['two', 'slow'],
      ['one', 'fast'],
    ];
    expect([repeated, bodiesIn(heard)]).toEqual([0, bodies]);
  });

  it('goes to the parser when heads never repeat', async () => {
    for (let n = 0; n < 50; n += 1) expect(await ask(query('a', String(n)))).toEqual([[String(n), 'a']]);
    // Nothing is looked for any more.
    for (let n = 0; n < 5; n += 1) expect(await ask(query('a', 'one'))).toEqual([['one', 'a']]);
    expect(repeated).toBe(0);
  });

  it('goes to the parser when it only seems to begin with a chunk', async () => {
    await warm();
    expect(await ask(`${query('a')}POST /sql HTTP/1.1\r\nX-Before: `)).toEqual([['one', 'a']]);
    // Its first line is the value of that header.
    expect(await ask(query('b'))).toEqual([['one', 'b']]);
    const [embedded, length] = [query('c'), query('c').length + 3];
    expect(await ask(`${query('d').replace('Length: 1', `Length: ${length}`).slice(0, -1)}...`, 0)).toEqual([]);
    expect(await ask(embedded)).toEqual([['one', `...${embedded}`]]);
    expect(repeated).toBe(0);
  });

  it('is the same for its application, however it comes', async () => {
    const text = fc.string({ unit: fc.constantFrom('a', '"', '\r', '\n', '0', '{'), maxLength: 40 });
    const word = fc.constantFrom('one', 'one', 'one', 'two');
    const one = fc.record({
      how: fc.constantFrom(...often('whole'), 'inTwo', 'inChunks', 'asTwo', 'withTheHeadOfTheNext'),
      word,
      body: text,
      more: text,
      cut: fc.nat(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(one, { minLength: 4, maxLength: 16 }), async (requests) => {
        client.destroy();
        client = dial();
        for (const { how, word, body, more, cut } of requests) {
          const whole = query(body, word);
          const next = query(more, word);
          const at = 1 + (cut % (Math.min(whole.length, next.length) - 1));
          switch (how) {
            case 'whole':
              expect(await ask(whole)).toEqual([[word, body]]);
              break;
            case 'inTwo':
              client.write(whole.slice(0, at), 'latin1');
              await pause(1);
              expect(await ask(whole.slice(at))).toEqual([[word, body]]);
              break;
            case 'inChunks': {
              const chunk = body === '' ? '' : `${body.length.toString(16)}\r\n${body}\r\n`;
              const head = `POST /sql HTTP/1.1\r\nHost: a\r\nX-Word: ${word}\r\nTransfer-Encoding: chunked\r\n\r\n`;
              expect(await ask(`${head}${chunk}0\r\n\r\n`)).toEqual([[word, body]]);
              break;
            }
            case 'asTwo':
              expect(await ask(whole + next, 2)).toEqual([
                [word, body],
                [word, more],
              ]);
              break;
            case 'withTheHeadOfTheNext':
              expect(await ask(whole + next.slice(0, at))).toEqual([[word, body]]);
              expect(await ask(next.slice(at))).toEqual([[word, more]]);
              break;
          }
        }
      }),
      { numRuns: rounds },
    );
    expect(repeated).toBeGreaterThan(rounds);
  });

  it('waits while another one is answered', async () => {
    await warm();
    const { exchange, isRepeated } = await begin(query('slow'));
    expect(isRepeated).toBe(true);
    mode = 'echo';
    client.write(query('next'));
    await pause(5);
    client.write(query('one more') + query('and one') + query('x'.repeat(300_000)) + query('last'));
    await pause(50);
    expect([repeated, bodiesIn(heard).length]).toEqual([1, 1]);
    await echo(exchange);
    await waitFor(() => bodiesIn(heard).length === 7, 5_000);
    const bodies = ['slow', 'next', 'one more', 'and one', 'x'.repeat(300_000), 'last'];
    expect(bodiesIn(heard).slice(1)).toEqual(bodies.map((body) => ['one', body]));
  });

  it('hears that its client has left', async () => {
    await warm();
    const { exchange, isRepeated } = await begin(query('slow'));
    const gone = new Promise<void>((resolve) => exchange.onceGone(resolve));
    client.write(query('another one'));
    await pause(20);
    client.destroy();
    await gone;
    expect([isRepeated, exchange.isAnswered]).toEqual([true, false]);
    mode = 'echo';
    // Node gives it the parser of the one that left.
    client = dial();
    await waitFor(() => sockets.size === 1, 5_000);
    exchange.answer(200, [], Buffer.from('nobody reads this'));
    await pause(20);
    expect([parsed, heard]).toEqual([1, '']);
    expect(await ask(query('new'))).toEqual([['one', 'new']]);
  });

  it('may be the last one, and what came behind it is not begun', async () => {
    await warm();
    const { exchange, isRepeated } = await begin(query('last'));
    expect(isRepeated).toBe(true);
    client.write(query('too late'));
    await pause(20);
    exchange.closeAfterwards();
    const closed = once(client, 'close');
    await echo(exchange);
    await closed;
    expect(heard).toContain('connection: close');
    expect([heard.match(/HTTP\/1\.1 200/g)?.length, waiting]).toEqual([2, []]);
  });

  it('without an answer that could be right ends the connection', async () => {
    await warm();
    const { exchange } = await begin(query('broken'));
    const closed = once(client, 'close');
    exchange.breakOff();
    await closed;
  });

  it('loses nothing of its answer at a client that does not read', async () => {
    await warm();
    const answer = Buffer.alloc(16 * 1024, 'x');
    client.pause();
    const server = [...sockets][0] as Socket;
    let answers = 0;
    // Until the kernel takes a part of one, or nothing.
    for (let round = 0; server.writableLength === 0 && round < 900; round += 1) {
      const { exchange, isRepeated } = await begin(query(String(round)));
      exchange.answer(200, [], isRepeated ? answer : Buffer.from('["short",""]'));
      if (isRepeated) answers += 1;
    }
    expect(server.writableLength).toBeGreaterThan(0);
    // Node stops to read when too much waits.
    const parsedBefore = parsed;
    client.write(query('more'));
    await waitFor(() => parsed > parsedBefore, 5_000);
    client.resume();
    await waitFor(() => heard.match(/\r\n\r\nx{16384}(?=HTTP|$)/g)?.length === answers, 10_000);
  });
});

describe.each([
  ['that lends its reads', true],
  ['like any other', false],
])('a socket %s is read no further', (_, lends) => {
  const megabyte = Buffer.alloc(1_048_576, 'x');
  const mostBuffered = 2 * 65_536;

  beforeEach(() => start(lends));

  /** Sends far more than may be kept, and gives how much of it was read. */
  async function flood(): Promise<number> {
    const [socket] = sockets as unknown as [Socket];
    const before = socket.bytesRead;
    for (let n = 0; n < 20; n += 1) client.write(megabyte);
    await pause(200);
    return socket.bytesRead - before;
  }

  it('while nobody reads the body of a request', async () => {
    const { exchange } = await begin(
      'POST /sql HTTP/1.1\r\nHost: a\r\nX-Word: one\r\nContent-Length: 20971520\r\n\r\n',
    );
    expect(await flood()).toBeLessThan(2 * mostBuffered);
    let bytes = 0;
    (exchange.body as IncomingMessage).on('data', (chunk: Buffer) => (bytes += chunk.length));
    await waitFor(() => bytes === 20 * megabyte.length, 5_000);
  });

  it('while its client waits for an answer', async () => {
    await warm();
    const { exchange, isRepeated } = await begin(query('slow'));
    expect(isRepeated).toBe(true);
    expect(await flood()).toBeLessThan(2 * mostBuffered);
    exchange.breakOff();
  });

  it('while whoever it was given to pauses it', async () => {
    await warm();
    const upgraded = once(server, 'upgrade') as Promise<[unknown, Socket]>;
    client.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n');
    const [, socket] = await upgraded;
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      socket.pause();
    });
    client.write(megabyte);
    await waitFor(() => bytes > 0, 5_000);
    expect(await flood()).toBeLessThan(2 * mostBuffered);
    socket.removeAllListeners('data').on('data', (chunk: Buffer) => (bytes += chunk.length));
    socket.resume();
    await waitFor(() => bytes === 21 * megabyte.length, 5_000);
    socket.destroy();
  });
});

describe('a connection', () => {
  it('is not known for longer than was said', async () => {
    await start(true, { knownMs: 100 });
    await warm();
    await pause(120);
    await warm();
    expect(repeated).toBe(0);
  });

  it('ends with the answer to as many requests as it may have, whoever read them', async () => {
    const maxRequests = 20;
    await start(true, { maxRequests });
    for (let round = 1; round < maxRequests; round += 1) await ask(query('a', round % 3 === 0 ? 'two' : 'one'));
    expect(repeated).toBeGreaterThan(2);
    expect(heard).not.toContain('connection: close');
    const closed = once(client, 'close');
    // What is sent behind the last one is not begun.
    await ask(query('last') + query('too late'));
    await closed;
    expect(heard).toMatch(/connection: close/i);
    expect(bodiesIn(heard)).toHaveLength(maxRequests);
    expect(begun).toBe(maxRequests);
  });

  it('may be upgraded behind a request that is not answered yet', async () => {
    await start(true);
    await warm();
    const { exchange, isRepeated } = await begin(query('slow'));
    expect(isRepeated).toBe(true);
    const upgraded = once(server, 'upgrade') as Promise<[unknown, Socket, Buffer]>;
    client.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n');
    await pause(20);
    client.write('what comes ');
    await pause(20);
    client.write('behind it');
    await pause(20);
    await echo(exchange);
    const [, socket, head] = await upgraded;
    let rest = String(head);
    socket.on('data', (chunk) => (rest += String(chunk)));
    await waitFor(() => rest === 'what comes behind it', 5_000);
    socket.destroy();
  });

  it("is still Node's to upgrade", async () => {
    await start(true);
    await warm();
    await ask(query('again'));
    const upgraded = once(server, 'upgrade') as Promise<[unknown, Socket]>;
    client.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n');
    const [, socket] = await upgraded;
    const read = once(socket.resume(), 'data');
    // What looks like a request is none any more.
    client.write(query('again'));
    expect(String((await read)[0])).toBe(query('again'));
    await pause(keptMs * 1.3);
    expect([repeated, client.destroyed]).toEqual([1, false]);
    socket.destroy();
  });
});

describe('a connection without a request', () => {
  beforeEach(() => start(true));

  it('is closed after a while, counted from its last answer', async () => {
    await warm();
    const closed = once(client, 'close');
    const { exchange, isRepeated } = await begin(query('slow'));
    expect(isRepeated).toBe(true);
    // Longer than it would be kept, if it had nothing to do.
    await pause(keptMs * 1.3);
    expect(client.destroyed).toBe(false);
    await echo(exchange);
    const answeredMs = performance.now();
    await closed;
    expect(performance.now() - answeredMs).toBeGreaterThan(keptMs * 0.9);
  });

  it('is closed too when Node has answered for us, or nothing ever came', async () => {
    const silent = connect((acceptor.address() as AddressInfo).port, '127.0.0.1').resume();
    client.write('GET / HTTP/1.1\r\nHost: a\r\nExpect: the unexpected\r\n\r\n');
    await Promise.all([once(client, 'close'), once(silent, 'close')]);
  });

  it('stays as long as requests come', async () => {
    for (let round = 0; round < 6; round += 1) {
      await ask(query('a'));
      await pause(keptMs * 0.3);
    }
    expect(repeated).toBeGreaterThan(0);
    expect(client.destroyed).toBe(false);
  });

  it('stays while a request that was answered early is still coming', async () => {
    const { exchange } = await begin(query('abcd').slice(0, -2));
    exchange.answer(200, [], Buffer.from('["early",""]'));
    await pause(keptMs * 1.3);
    expect(client.destroyed).toBe(false);
    const closed = once(client, 'close');
    client.write('cd');
    await closed;
  });

  it.each([
    ['was answered', async () => void (await ask(query('a')))],
    [
      'came in two',
      async () => void (await ask(query('a').slice(0, 20), 0), await pause(5), await ask(query('a').slice(20))),
    ],
    ['were two in a row', async () => void (await ask(query('a') + query('b'), 2))],
    [
      'never came again',
      async () => {
        for (let n = 0; n < 40; n += 1) await ask(query('a', String(n)));
      },
    ],
  ])('is closed at once when the gateway ends, after what %s', async (_, come) => {
    await come();
    await pause(5);
    const closed = once(client, 'close');
    connections.endIdle();
    await closed;
  });

  it('is not, when something is due or on its way', async () => {
    const between = client;
    await warm();
    between.write(query('half').slice(0, 10));
    const busy = dial();
    client = busy;
    await warm();
    const { exchange, isRepeated } = await begin(query('slow'));
    expect(isRepeated).toBe(true);
    connections.endIdle();
    await pause(50);
    expect([busy.destroyed, between.destroyed]).toEqual([false, false]);
    await echo(exchange);
    between.destroy();
  });
});
