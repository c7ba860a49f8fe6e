import { once } from 'node:events';
import { type RequestListener, type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { HttpLoad } from './http-load.ts';

let server: Server | undefined;
let load: HttpLoad | undefined;
afterEach(async () => {
  await load?.close();
  server?.close();
  server?.closeAllConnections();
});

const requests = ['1', '2'].map((body) => ({ headers: {}, body, expected: Buffer.from(`answer ${body}`) }));

async function openLoad(listener: RequestListener, connections: number): Promise<HttpLoad> {
  server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  load = await HttpLoad.open({ origin, requests }, connections);
  return load;
}

/** Answers rightly until `count` requests came, and then as `then` does. */
function echo(count: number, then: RequestListener): RequestListener {
  let seen = 0;
  return (request, response) => {
    request.on('data', (body: Buffer) => {
      if (seen++ < count) response.end(`answer ${body.toString()}`);
      else then(request, response);
    });
  };
}

describe('a load', () => {
  it('sends one request at a time on each connection, which it keeps', async () => {
    const ports = new Set<number | undefined>();
    let [underWay, most, seen] = [0, 0, 0];
    const opened = await openLoad((request, response) => {
      ports.add(request.socket.remotePort);
      seen++;
      most = Math.max(most, ++underWay);
      request.on('data', (body: Buffer) => {
        underWay--;
        response.end(`answer ${body.toString()}`);
      });
    }, 3);
    const { count, p50Ms, p99Ms, perSecond } = await opened.run(0.05);
    expect(ports.size).toBe(3);
    expect(most).toBeLessThanOrEqual(3);
    expect(count).toBe(seen - 3); // those that opened the connections are not counted
    expect(count).toBeGreaterThan(3);
    expect(perSecond).toBeLessThanOrEqual(count / 0.05);
    expect(p50Ms).toBeGreaterThan(0);
    expect(p99Ms).toBeGreaterThanOrEqual(p50Ms);
  });

  it.each<[string, RequestListener, string | RegExp]>([
    ['a wrong body', (_request, response) => response.end('answer 3'), 'answered 200 answer 3 instead of 200 answer'],
    [
      'a wrong status',
      (_request, response) => response.writeHead(503).end('answer 1'),
      'answered 503 answer 1 instead of 200',
    ],
    ['a connection that is cut', (request) => request.socket.destroy(), /other side closed|socket|reset/i],
  ])('fails with %s', async (_what, then, why) => {
    const opened = await openLoad(echo(20, then), 2);
    await expect(opened.run(30)).rejects.toThrow(why);
  });
});
