import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { waitFor } from '@pgwake/testkit';
import { adoptSocket } from './adopt-socket.js';

const opened: Socket[] = [];
const listening: Server[] = [];
afterEach(() => {
  for (const socket of opened.splice(0)) socket.destroy();
  for (const server of listening.splice(0)) server.close();
});

/** A server that adopts who comes, and the two ends of one connection to it. */
async function acceptOne() {
  const server: Server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  listening.push(server);
  const far = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
  const [accepted] = (await once(server, 'connection')) as [Socket];
  const adopted = adoptSocket(accepted);
  opened.push(far, adopted.socket);
  return { server, accepted, ...adopted, far };
}

describe('an accepted socket that was adopted', () => {
  it('lends what it reads, from the first byte on, and from the second time on in the same memory', async () => {
    const { accepted, socket, reads, far } = await acceptOne();
    expect(socket).not.toBe(accepted);
    const seen: { readonly memory: ArrayBufferLike; readonly text: string }[] = [];
    reads?.lend({
      takeLent: (bytes) => {
        seen.push({ memory: bytes.buffer, text: bytes.toString() });
        return 'returned';
      },
    });
    for (const word of ['before it reads', 'after', 'later']) {
      const before = seen.length;
      far.write(word);
      socket.resume();
      await waitFor(() => seen.length > before, 1_000);
    }
    expect(seen.map(({ text }) => text)).toEqual(['before it reads', 'after', 'later']);
    expect(seen[2]?.memory).toBe(seen[1]?.memory);
  });

  it('reads into the same memory as all others as long as its borrower copies, and into its own from then on', async () => {
    const pairs = [await acceptOne(), await acceptOne()];
    const seen: { readonly memory: ArrayBufferLike; readonly text: string }[] = [];
    let copies = true;
    for (const { socket, reads } of pairs) {
      reads?.lend({
        get copies() {
          return copies;
        },
        takeLent: (bytes) => {
          seen.push({ memory: bytes.buffer, text: bytes.toString() });
          return 'returned';
        },
      });
      socket.resume();
    }
    const sayToBoth = async (word: string) => {
      for (const { far } of pairs) {
        const before = seen.length;
        far.write(word);
        await waitFor(() => seen.length > before, 1_000);
      }
      return seen.splice(0);
    };
    const [first, second] = await sayToBoth('hello');
    expect(second?.memory).toBe(first?.memory);
    copies = false;
    // What was read into the memory of all is a copy now.
    for (const { memory, text } of await sayToBoth('query')) {
      expect(text).toBe('query');
      expect(memory).not.toBe(first?.memory);
    }
    const [own, other] = await sayToBoth('query');
    expect(own?.memory.byteLength).toBe(1_024);
    expect(own?.memory).not.toBe(other?.memory);
  });

  it('stands still until it is resumed', async () => {
    const { socket, reads, far } = await acceptOne();
    let lent = 0;
    reads?.lend({
      takeLent: (bytes) => {
        lent += bytes.length;
        return 'returned';
      },
    });
    far.write('early');
    for (let turns = 0; turns < 5; turns++) await new Promise(setImmediate);
    expect(lent).toBe(0);
    socket.resume();
    await waitFor(() => lent === 5, 1_000);
  });

  it('knows its peer, writes, and half-closes as the accepted one would have', async () => {
    const { socket, far } = await acceptOne();
    expect(socket.remoteAddress).toBe('127.0.0.1');
    expect(socket.remotePort).toBe((far.address() as AddressInfo).port);
    const heard: Buffer[] = [];
    far.on('data', (chunk: Buffer) => heard.push(chunk));
    socket.end('bye');
    await once(far, 'end');
    expect(Buffer.concat(heard).toString()).toBe('bye');
    socket.resume();
    far.end();
    await once(socket, 'close');
  });

  it('is no connection of its server any more', async () => {
    const { server, socket } = await acceptOne();
    server.close();
    await once(server, 'close');
    expect(socket.destroyed).toBe(false);
  });
});
