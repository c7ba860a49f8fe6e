// Proxies that may open few files, and more clients than they have room for: nobody is left without an answer, nothing
// ends, and the ops port goes on answering.

import { type Socket, connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { encodeStartupMessage } from '@pgwake/pg-wire';
import { System, type SystemApp, type TestEndpoint, waitFor } from '@pgwake/testkit';
import pg from 'pg';

const limitMs = 60_000;
const openFiles = 256;
/** What that many files have room for, as the log has to say. */
const room = 48;
const roomForRequests = 32;
const opsLimitMs = 100;

let system: System;
let endpoint: TestEndpoint;
const sockets: Socket[] = [];

beforeAll(async () => {
  system = await System.start({
    proxyOpenFiles: openFiles,
    tcpProxies: [{}, { PGWAKE_LOGIN_TIMEOUT_MS: '1000' }],
    httpProxies: [{}],
  });
  endpoint = await system.createEndpoint('limits');
}, limitMs);
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});
afterAll(() => system?.stop(), limitMs);

/** A client that says this and waits. */
class WaitingClient {
  readonly socket: Socket;
  heard = Buffer.alloc(0);

  constructor(proxyNumber: number, bytes: Uint8Array) {
    this.socket = connect({ port: system.connectionConfig(endpoint, proxyNumber).port, host: '127.0.0.1' });
    this.socket.on('data', (chunk: Buffer) => (this.heard = Buffer.concat([this.heard, chunk])));
    this.socket.on('error', () => undefined);
    this.socket.write(bytes);
    sockets.push(this.socket);
  }

  get isRefused(): boolean {
    return this.heard.includes('C53300\0');
  }

  get isAskedForItsProof(): boolean {
    return this.heard[0] === 'R'.charCodeAt(0);
  }
}

async function loginAndLeave(proxyNumber: number): Promise<void> {
  const client = new pg.Client(system.connectionConfig(endpoint, proxyNumber));
  await client.connect();
  await client.end();
}

/** The median of some questions, in milliseconds; asked again, because other tests want the processors too. */
async function timeOps(proxy: SystemApp): Promise<number> {
  const took: number[] = [];
  for (const path of ['livez', 'readyz', 'livez', 'readyz', 'metrics']) {
    const begunAt = performance.now();
    const response = await proxy.askOps(path);
    await response.text();
    took.push(performance.now() - begunAt);
    expect([path, response.status]).toEqual([path, 200]);
  }
  return took.sort((a, b) => a - b)[2] ?? Infinity;
}

describe('a proxy that may open few files', () => {
  it(
    'tells who is too many, keeps whom it has, and takes new ones as soon as there is room',
    async () => {
      const proxy = system.app('tcp-proxy', 1);
      const { pid } = proxy;
      expect(proxy.log).toContain('the process has room for fewer clients than set');
      expect(proxy.log).toContain(`"connections":${room},`);
      const client = new pg.Client(system.connectionConfig(endpoint, 1));
      await client.connect();

      const startup = encodeStartupMessage([
        ['user', 'app'],
        ['options', `endpoint=${endpoint.endpoint}`],
      ]);
      // Twice as many as it could hold sockets of.
      const crowd = Array.from({ length: openFiles * 2 }, () => new WaitingClient(1, startup));
      await waitFor(() => crowd.every((each) => each.isRefused || each.isAskedForItsProof), 10_000);
      expect(crowd.filter((each) => each.isAskedForItsProof)).toHaveLength(room - 1);
      await waitFor(async () => (await timeOps(proxy)) < opsLimitMs, 5_000);
      expect((await client.query('select 42 as answer')).rows).toEqual([{ answer: 42 }]);
      await client.end();

      for (const { socket } of crowd) socket.destroy();
      await waitFor(
        () =>
          loginAndLeave(1).then(
            () => true,
            () => false,
          ),
        10_000,
      );
      expect(proxy.pid).toBe(pid);
    },
    limitMs,
  );

  it(
    'gets over a crowd that says nothing',
    async () => {
      const proxy = system.app('tcp-proxy', 2);
      const crowd = Array.from({ length: openFiles * 2 }, () => new WaitingClient(2, new Uint8Array(0)));
      await waitFor(() => crowd.some((each) => each.isRefused), 10_000);
      await waitFor(async () => (await timeOps(proxy)) < opsLimitMs, 5_000);
      await waitFor(() => crowd.every(({ socket }) => socket.closed || socket.readableEnded), 20_000);
      await loginAndLeave(2);
      expect(await proxy.metrics()).toMatch(/pgwake_refusals_total\{[^}]*limit="connections"[^}]*\} \d{3}/);
    },
    limitMs,
  );

  it(
    'keeps no more connections for requests than it has files for, however many are idle',
    async () => {
      const proxy = system.app('http-proxy');
      expect(proxy.log).toContain(`"connections":${roomForRequests},`);
      const other = await system.createEndpoint('other');
      const ask = async (asked: TestEndpoint): Promise<number> => {
        const answer = await fetch(`${system.httpUrl('http')}/sql`, {
          method: 'POST',
          headers: { 'neon-connection-string': system.connectionString(asked) },
          body: JSON.stringify({ query: 'select pg_sleep(0.5)' }),
        });
        await answer.text();
        return answer.status;
      };
      const openNow = async (): Promise<number> =>
        Number(/pgwake_pool_connections\{state="open"[^}]*\} (\d+)/.exec(await proxy.metrics())?.[1]);
      for (const asked of [endpoint, other]) {
        const statuses = await Promise.all(Array.from({ length: 20 }, () => ask(asked)));
        expect(new Set(statuses)).toEqual(new Set([200]));
        expect(await openNow()).toBe(asked === endpoint ? 20 : roomForRequests);
      }
      expect(await proxy.metrics()).toMatch(/pgwake_pool_closes_total\{[^}]*reason="evicted"[^}]*\} 8/);
    },
    limitMs,
  );
});
