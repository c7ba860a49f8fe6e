import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import { type AddressInfo, type Socket, connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { waitFor } from '@pgwake/testkit';
import { DirectRequest } from './direct-request.js';
import { DirectResponse } from './direct-response.js';
import { Http1Connections } from './http1-connections.js';

const head = 'HTTP/1.1 200 OK\r\nx-answer: yes\r\n';
const hello = Buffer.from('hello');
const keepAliveMs = 1_000;

let server: Server<typeof DirectRequest, typeof DirectResponse>;
let connections: Http1Connections;
let client: Socket;

beforeEach(async () => {
  connections = new Http1Connections(keepAliveMs);
  server = createServer({ IncomingMessage: DirectRequest, ServerResponse: DirectResponse, keepAliveTimeout: 0 });
  server.on('connection', (socket) => connections.opened(socket));
  server.on('request', (request, response) => connections.began(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  client = connect((server.address() as AddressInfo).port, '127.0.0.1');
});

afterEach(async () => {
  client.destroy();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

function get(path = '/', more = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
}

async function ask(request: string): Promise<DirectResponse> {
  const asked = once(server, 'request');
  client.write(request);
  const [, response] = (await asked) as [DirectRequest, DirectResponse];
  return response;
}

/** Of an answer with `hello`, as the client has it. */
async function readHello(): Promise<string> {
  let sofar = '';
  while (!sofar.endsWith('\r\n\r\nhello')) sofar += String((await once(client, 'data'))[0]);
  return sofar;
}

describe('an answer that goes out at once', () => {
  it('is a whole one, and another request follows on the connection', async () => {
    for (let round = 0; round < 3; round += 1) {
      const response = await ask(get());
      const answer = readHello();
      const closed = once(response, 'close');
      expect(response.endDirectly(head, hello)).toBe(true);
      expect([response.headersSent, response.writableEnded]).toEqual([true, true]);
      expect(await answer).toMatch(
        /^HTTP\/1\.1 200 OK\r\nx-answer: yes\r\ndate: \w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT\r\nconnection: keep-alive\r\n\r\nhello$/,
      );
      await closed;
    }
  });

  it.each([
    ['to HEAD', get().replace('GET', 'HEAD')],
    ['to a client that wants the connection closed', get('/', 'Connection: close\r\n')],
    ['to one that keeps none', 'GET / HTTP/1.0\r\n\r\n'],
  ])('is none %s', async (_, request) => {
    const response = await ask(request);
    expect(response.endDirectly(head, hello)).toBe(false);
    expect(response.headersSent).toBe(false);
    response.end();
  });

  it('is none when the gateway closes the connection behind it, or it is the last one allowed', async () => {
    const closing = await ask(get());
    closing.setHeader('connection', 'close');
    expect([closing.isConnectionKept, closing.endDirectly(head, hello)]).toEqual([false, false]);
    closing.removeHeader('connection');
    expect(closing.endDirectly(head, hello)).toBe(true);
    server.maxRequestsPerSocket = 1;
    const last = await ask(get());
    expect([last.isConnectionKept, last.endDirectly(head, hello)]).toEqual([false, false]);
    last.end();
  });

  it('waits for its turn', async () => {
    const both: DirectResponse[] = [];
    server.on('request', (_request, response) => void both.push(response));
    client.write(get('/1') + get('/2'));
    await waitFor(() => both.length === 2, 2_000);
    const [first, second] = both as [DirectResponse, DirectResponse];
    expect(second.endDirectly(head, hello)).toBe(false);
    second.end('second');
    expect(first.endDirectly(head, hello)).toBe(true);
    let sofar = '';
    while (!sofar.endsWith('second')) sofar += String((await once(client, 'data'))[0]);
    expect(sofar.match(/hello|second/g)).toEqual(['hello', 'second']);
  });

  it('loses nothing at a client that does not read', async () => {
    const body = Buffer.alloc(16 * 1024, 'x');
    const mostAnswers = 5_000;
    client.pause();
    let answers = 0;
    let isCut = false;
    while (!isCut && answers < mostAnswers) {
      const response = await ask(get());
      const { socket } = response;
      if (socket === null) throw new Error('it is not its turn');
      expect(response.endDirectly(`${head}content-length: ${body.length}\r\n`, body)).toBe(true);
      answers += 1;
      // The kernel took a part, or nothing.
      isCut = socket.writableLength > 0;
      if (!isCut) await once(response, 'close');
    }
    expect(isCut).toBe(true);
    const whole = /^HTTP\/1\.1 200 OK\r\n(?:[a-z-]+: [^\r]+\r\n)+\r\nx{16384}$/;
    let sofar = '';
    let read = 0;
    client.on('data', (chunk: Buffer) => {
      const parts = (sofar + chunk.toString('latin1')).split(/(?=HTTP)/);
      sofar = parts.pop() ?? '';
      read += parts.filter((part) => whole.test(part)).length;
    });
    client.resume();
    await waitFor(() => read === answers - 1 && whole.test(sofar), 10_000);
  });
});

describe('a connection without a request', () => {
  const keptMs = keepAliveMs + 1_000; // and a little
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  beforeEach(() => {
    client.resume();
  });

  it('is closed after a while, counted from its last answer', async () => {
    const closed = once(client, 'close');
    const response = await ask(get());
    expect(response.keepAliveHint).toBe('timeout=1');
    // Longer than it would be kept, if it had nothing to do.
    await pause(keptMs * 1.3);
    expect(client.destroyed).toBe(false);
    response.endDirectly(head, hello);
    await once(response, 'close');
    const answeredMs = performance.now();
    await closed;
    expect(performance.now() - answeredMs).toBeGreaterThan(keptMs * 0.9);
  });

  it('is closed too when Node has answered for us, or nothing ever came', async () => {
    const silent = connect((server.address() as AddressInfo).port, '127.0.0.1').resume();
    client.write(get('/', 'Expect: the unexpected\r\n'));
    await Promise.all([once(client, 'close'), once(silent, 'close')]);
  });

  it('stays as long as requests come', async () => {
    for (let round = 0; round < 3; round += 1) {
      const response = await ask(get());
      response.endDirectly(head, hello);
      await once(response, 'close');
      await pause(keptMs * 0.6);
    }
    expect(client.destroyed).toBe(false);
  });

  it('stays while a request that was answered early is still coming', async () => {
    const early = await ask('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab');
    early.endDirectly(head, hello);
    await pause(keptMs * 1.3);
    expect(client.destroyed).toBe(false);
    const closed = once(client, 'close');
    client.write('cd');
    await closed;
  });

  it('stays when it speaks something else, whatever came before', async () => {
    const upgraded = once(server, 'upgrade') as Promise<[DirectRequest, Socket]>;
    const response = await ask(get());
    response.endDirectly(head, hello);
    await once(response, 'close');
    client.write(get('/', 'Connection: Upgrade\r\nUpgrade: other\r\n'));
    const [, socket] = await upgraded;
    connections.left(socket);
    await pause(keptMs * 1.3);
    expect(client.destroyed).toBe(false);
    socket.destroy();
  });
});
