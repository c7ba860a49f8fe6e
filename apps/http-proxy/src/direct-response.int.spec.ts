import { once } from 'node:events';
import { type Server, createServer } from 'node:http';
import { type AddressInfo, type Socket, connect } from 'node:net';
import { text } from 'node:stream/consumers';
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
        /^HTTP\/1\.1 200 OK\r\nx-answer: yes\r\ndate: \w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT\r\nconnection: keep-alive\r\nkeep-alive: timeout=1\r\n\r\nhello$/,
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
    const requests = 2_000;
    let waited = 0;
    let answered = 0;
    server.on('request', (_request, response) => {
      if (!response.endDirectly(`${head}content-length: ${body.length}\r\n`, body)) {
        response.writeHead(200, { 'content-length': body.length });
        response.end(body);
      }
      answered += 1;
      if (response.writableLength > 0) waited += 1;
    });
    client.pause();
    client.write(get().repeat(requests));
    await waitFor(() => waited > 0, 5_000);
    const whole = text(client);
    await waitFor(() => answered === requests, 10_000);
    client.end();
    const parts = (await whole).split('HTTP/1.1 200 OK\r\n').slice(1);
    expect(parts).toHaveLength(requests);
    expect(parts.every((part) => part.endsWith(`\r\n\r\n${body.toString()}`))).toBe(true);
  });
});

describe('a connection without a request', () => {
  it('is closed after a while, counted from its last answer', async () => {
    const closed = once(client, 'close');
    const first = await ask(get());
    // Longer than it would be kept, if it had nothing to do.
    await new Promise((resolve) => setTimeout(resolve, keepAliveMs * 1.3));
    expect(client.destroyed).toBe(false);
    first.endDirectly(head, hello);
    await readHello();
    const answeredMs = performance.now();
    client.resume();
    await closed;
    expect(performance.now() - answeredMs).toBeGreaterThan(keepAliveMs * 0.9);
  });

  it('stays as long as requests come', async () => {
    for (let round = 0; round < 4; round += 1) {
      const response = await ask(get());
      const answer = readHello();
      response.endDirectly(head, hello);
      await answer;
      await new Promise((resolve) => setTimeout(resolve, keepAliveMs * 0.6));
    }
    expect(client.destroyed).toBe(false);
  });
});
