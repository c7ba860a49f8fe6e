import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import { TLSSocket, type TLSSocketOptions, connect as connectTls } from 'node:tls';
import type { DuplexSink } from '@pgwake/relay';
import { type LeakCheck, startLeakCheck } from '@pgwake/testkit';
import { SocketDuplex } from './socket-duplex.js';

let leaks: LeakCheck;
beforeEach(() => {
  leaks = startLeakCheck();
});
afterEach(() => leaks.expectNothingLeft());

async function pair(): Promise<[Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const near = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
  const [far] = (await once(server, 'connection')) as [Socket];
  server.close();
  return [near, far];
}

function record(heard: string[]): DuplexSink {
  return {
    onBytes: (bytes) => heard.push(Buffer.from(bytes).toString()),
    onDrain: () => heard.push('drain'),
    onEnd: () => heard.push('end'),
    onClose: (cause) => heard.push(cause ? 'close with a cause' : 'close'),
  };
}

describe('a socket as a duplex', () => {
  it('gives the sink what arrived before it was attached, the end included', async () => {
    const [near, far] = await pair();
    const duplex = new SocketDuplex(far);
    near.end('early');
    const heard: string[] = [];
    await new Promise<void>((resolve) => {
      duplex.attach({ ...record(heard), onEnd: () => resolve() });
    });
    expect(heard).toEqual(['early']);
    duplex.end();
    near.resume();
    await once(near, 'close');
  });

  it('tells a sink of a close that it missed', async () => {
    const [near, far] = await pair();
    near.destroy();
    far.destroy();
    await once(far, 'close');
    const heard: string[] = [];
    new SocketDuplex(far).attach(record(heard));
    await new Promise(setImmediate);
    expect(heard).toEqual(['close']);
  });

  it('tells of a reset with its cause, once', async () => {
    const [near, far] = await pair();
    const heard: string[] = [];
    new SocketDuplex(far).attach(record(heard));
    near.resetAndDestroy();
    await new Promise((resolve) => far.once('close', resolve));
    await new Promise(setImmediate);
    expect(heard).toEqual(['close with a cause']);
  });

  it('has one sink at a time, and none after detach', async () => {
    const [near, far] = await pair();
    const duplex = new SocketDuplex(far);
    const [first, second]: [string[], string[]] = [[], []];
    duplex.attach(record(first));
    expect(() => duplex.attach(record(second))).toThrow('one sink at a time');
    duplex.detach();
    await new Promise((resolve) => near.write('late', resolve));
    duplex.attach({ ...record(second), onBytes: (bytes) => second.push(`got ${Buffer.from(bytes).toString()}`) });
    await once(far, 'data');
    expect(first).toEqual([]);
    expect(second).toEqual(['got late']);
    duplex.destroy();
    near.destroy();
  });
});

describe('destroying a socket whose peer leaves bytes lying', () => {
  /** Writes until the system takes no more. */
  function fill(duplex: SocketDuplex): void {
    const chunk = Buffer.alloc(1 << 20);
    for (let round = 0; round < 64; round += 1) duplex.write(chunk);
    expect(duplex.outgoing.writableLength).toBeGreaterThan(0);
  }

  async function causeAtPeer(peer: Socket): Promise<unknown> {
    const failed = once(peer, 'error');
    peer.resume();
    return failed.then(([error]) => error as unknown);
  }

  it('resets it', async () => {
    const [near, far] = await pair();
    const duplex = new SocketDuplex(far);
    fill(duplex);
    duplex.destroy();
    expect(await causeAtPeer(near)).toMatchObject({ code: 'ECONNRESET' });
  });

  it('resets it under TLS too', async () => {
    const [near, far] = await pair();
    const psk = Buffer.alloc(32, 1);
    const options = { ciphers: 'PSK', maxVersion: 'TLSv1.2' } as const;
    const server = new TLSSocket(far, { ...options, isServer: true, pskCallback: () => psk } as TLSSocketOptions);
    const client = connectTls({
      ...options,
      socket: near,
      pskCallback: () => ({ psk, identity: 'test' }),
      checkServerIdentity: () => undefined,
    });
    await Promise.all([once(server, 'secure'), once(client, 'secureConnect')]);
    client.pause();
    const duplex = new SocketDuplex(server, far);
    fill(duplex);
    duplex.destroy();
    expect(await causeAtPeer(client)).toMatchObject({ code: 'ECONNRESET' });
  });
});
