import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash, randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, Socket, connect, createServer } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { TLSSocket, type TLSSocketOptions, connect as connectTls } from 'node:tls';
import { LendingReads, adoptSocket, descriptorOf } from '@pgwake/bare-sockets';
import { type DuplexSink, startRelay } from '@pgwake/relay';
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

describe('writing to a socket', () => {
  it('hands the kernel what it takes, past Node, and Node the rest', async () => {
    const [near, far] = await pair();
    const duplex = new SocketDuplex(far);
    const chunk = randomBytes(1 << 20);
    duplex.write(chunk.subarray(0, 100));
    expect(far.bytesWritten).toBe(0);
    let written = 100;
    while (duplex.unsentBytes === 0) {
      duplex.write(chunk);
      written += chunk.length;
    }
    expect(far.bytesWritten).toBe(duplex.unsentBytes); // one chunk was cut
    duplex.end();
    let read = 0;
    for await (const bytes of near) read += (bytes as Buffer).length;
    expect(read).toBe(written);
    near.end();
    far.destroy();
  });

  it('tells of a peer that is gone, with its cause', async () => {
    const [near, far] = await pair();
    const duplex = new SocketDuplex(far);
    near.resetAndDestroy();
    await once(near, 'close');
    duplex.write(Buffer.from('to nobody'));
    const heard: string[] = [];
    duplex.attach(record(heard));
    await new Promise((resolve) => far.once('close', resolve));
    await new Promise(setImmediate);
    expect(heard).toEqual(['close with a cause']);
  });

  it('writes nothing after it was destroyed, also when another connection has its descriptor by then', async () => {
    const [near, far] = await pair();
    const duplex = new SocketDuplex(far);
    const descriptor = descriptorOf(far);
    far.destroy();
    near.destroy();
    await once(far, 'close');
    const others: Socket[] = [];
    while (!others.some((socket) => descriptorOf(socket) === descriptor) && others.length < 200)
      others.push(...(await pair()));
    expect(others.map(descriptorOf)).toContain(descriptor);
    duplex.write(Buffer.from('for somebody else'));
    await turn();
    const heard: unknown[] = [];
    for (const socket of others) socket.on('data', (bytes) => heard.push(bytes));
    await turn();
    expect(heard).toEqual([]);
    for (const socket of others) socket.destroy();
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

/** Counts how often its writes were over at once, and how often something of them was still needed. */
class WatchedDuplex extends SocketDuplex {
  over = 0;
  needed = 0;

  override get unsentBytes(): number {
    const bytes = super.unsentBytes;
    if (bytes === 0) this.over += 1;
    else this.needed += 1;
    return bytes;
  }
}

/** A compute's socket that lends what it reads. */
async function lendingPair(): Promise<{ readonly duplex: WatchedDuplex; readonly compute: Socket }> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const reads = new LendingReads();
  const socket = new Socket({ allowHalfOpen: true, onread: reads.onread });
  reads.bind(socket);
  socket.connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' });
  const [compute] = (await once(server, 'connection')) as [Socket];
  server.close();
  return { duplex: new WatchedDuplex(socket).borrow(reads), compute };
}

/** CopyData messages of random bytes, small and large; half-closes afterwards, not before `beforeEnd`. Gives their SHA-256. */
async function pour(socket: Socket, totalBytes: number, beforeEnd?: Promise<unknown>): Promise<string> {
  const hash = createHash('sha256');
  for (let sent = 0; sent < totalBytes;) {
    const body = randomBytes(randomInt(2) === 0 ? randomInt(1, 100) : randomInt(1_000, 150_000));
    const chunk = Buffer.concat([Buffer.from('d....'), body]);
    chunk.writeUInt32BE(body.length + 4, 1);
    hash.update(chunk);
    sent += chunk.length;
    if (!socket.write(chunk)) await once(socket, 'drain');
    else if (randomInt(3) === 0) await turn();
  }
  await beforeEnd;
  socket.end();
  return hash.digest('hex');
}

/** Now fast, now not at all for a while, so that the kernel's buffers fill and empty. */
async function readInJerks(socket: Socket): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of socket) {
    hash.update(chunk as Buffer);
    const turns = randomInt(20) === 0 ? 200 : 0;
    for (let at = 0; at < turns; at++) await turn();
  }
  return hash.digest('hex');
}

describe('sockets that lend what they read', () => {
  // Node and libuv hold on to bytes that the kernel has not taken. Fails when the relay gives them back all the same.
  it('bring every byte unchanged to slow readers, several at once, with memory that is used again and again', async () => {
    const totalBytes = 8e6;
    const sessions = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const { duplex, compute } = await lendingPair();
        const [client, nearClient] = await pair();
        const { socket, reads } = adoptSocket(nearClient);
        const towardsClient = new WatchedDuplex(socket).borrow(reads);
        const relay = startRelay({ client: towardsClient, compute: duplex });
        const terminate = Buffer.from([0x58, 0, 0, 0, 4]); // so that the end of the compute is no loss
        client.write(terminate);
        await once(compute, 'data');
        return { client, compute, towardsClient, towardsCompute: duplex, relay };
      }),
    );
    const hashes = await Promise.all(
      sessions.flatMap(({ client, compute }) => {
        const up = Promise.all([pour(client, totalBytes), readInJerks(compute)]);
        // A compute that ends first has ended the session.
        const down = Promise.all([pour(compute, totalBytes, up), readInJerks(client)]);
        return [up, down];
      }),
    );
    for (const { relay } of sessions) relay.destroy();
    await Promise.all(sessions.map(({ relay }) => relay.ended));
    for (const { client, compute } of sessions) {
      client.destroy();
      compute.destroy();
    }
    for (const [sent, read] of hashes) expect(read).toBe(sent);
    // Both happened, if not to each of them: that is the kernel's to say.
    for (const side of ['towardsClient', 'towardsCompute'] as const) {
      expect(sessions.some(({ [side]: duplex }) => duplex.over > 0)).toBe(true);
      expect(sessions.some(({ [side]: duplex }) => duplex.needed > 0)).toBe(true);
    }
  }, 60_000);
});
