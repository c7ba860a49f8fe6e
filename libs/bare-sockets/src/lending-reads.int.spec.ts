import { once } from 'node:events';
import { type AddressInfo, Socket, createServer } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { waitFor } from '@pgwake/testkit';
import { type Borrower, LendingReads } from './lending-reads.js';

const opened: Socket[] = [];
afterEach(() => {
  for (const socket of opened.splice(0)) socket.destroy();
});

/** A socket that can lend, paused, and the other end of it. */
async function connectPair(): Promise<{ socket: Socket; reads: LendingReads; far: Socket }> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const reads = new LendingReads();
  const socket = new Socket({ allowHalfOpen: true, onread: reads.onread });
  reads.bind(socket);
  socket.pause();
  socket.connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' });
  const [far] = (await once(server, 'connection')) as [Socket];
  server.close();
  opened.push(socket, far);
  return { socket, reads, far };
}

/** Lends to whoever copies, and to whoever keeps every array. */
function collect(how: 'returned' | 'kept', arrays: Buffer[]): Borrower {
  return {
    takeLent: (bytes) => {
      arrays.push(how === 'kept' ? bytes : Buffer.from(bytes));
      return how;
    },
  };
}

const textOf = (arrays: readonly Buffer[]): string => Buffer.concat(arrays).toString();
const lengthOf = (arrays: readonly Buffer[]): number => arrays.reduce((sum, each) => sum + each.length, 0);

describe('a socket that can lend', () => {
  it('reads no further while the stream is full of what a borrower puts there', async () => {
    const { socket, reads, far } = await connectPair();
    reads.lend({
      copies: true,
      takeLent: (bytes) => (socket.push(Buffer.from(bytes)) ? 'returned' : 'full'),
    });
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      socket.pause();
    });
    socket.resume();
    const sent = Buffer.alloc(10_000_000, 'x');
    far.write(sent);
    await waitFor(() => bytes > 0 && socket.readableLength >= socket.readableHighWaterMark, 1_000);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(socket.readableLength).toBeLessThan(3 * socket.readableHighWaterMark);
    socket.removeAllListeners('data').on('data', (chunk: Buffer) => (bytes += chunk.length));
    socket.resume();
    await waitFor(() => bytes === sent.length, 5_000);
  });

  it('reads as any other until it does, into chunks that nobody writes to again', async () => {
    const { socket, far } = await connectPair();
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.resume();
    for (const word of ['one ', 'two ', 'three ']) {
      const before = chunks.length;
      far.write(word);
      await waitFor(() => chunks.length > before, 1_000);
    }
    far.end();
    await once(socket, 'end');
    expect(textOf(chunks)).toBe('one two three ');
  });

  it('gives what it holds already as data, before it lends the first bytes', async () => {
    const { socket, reads, far } = await connectPair();
    const heard: string[] = [];
    socket.resume();
    socket.once('readable', () => undefined); // so it reads, and keeps what it reads
    far.write('early ');
    await waitFor(() => socket.readableLength > 0, 1_000);
    socket.pause();
    reads.lend({
      takeLent: (bytes) => {
        heard.push(`lent ${bytes.toString()}`);
        return 'returned';
      },
    });
    socket.removeAllListeners('readable');
    socket.on('data', (chunk: Buffer) => heard.push(`data ${chunk.toString()}`));
    far.write('late');
    socket.resume();
    await waitFor(() => heard.length === 2, 1_000);
    expect(heard).toEqual(['data early ', 'lent late']);
  });

  it('reads into the same memory again once that is returned, and into another once it is kept', async () => {
    const { socket, reads, far } = await connectPair();
    const seen: { readonly memory: ArrayBufferLike; readonly text: string }[] = [];
    reads.lend({
      takeLent: (bytes) => {
        seen.push({ memory: bytes.buffer, text: bytes.toString() });
        return bytes.toString() === 'kept' ? 'kept' : 'returned';
      },
    });
    socket.resume();
    for (const word of ['copied', 'first', 'kept', 'third']) {
      const before = seen.length;
      far.write(word);
      await waitFor(() => seen.length > before, 1_000);
    }
    expect(seen.map(({ text }) => text)).toEqual(['copied', 'first', 'kept', 'third']);
    expect(seen[1]?.memory).not.toBe(seen[0]?.memory);
    expect(seen[2]?.memory).toBe(seen[1]?.memory);
    expect(seen[3]?.memory).not.toBe(seen[2]?.memory);
  });

  it('never writes to bytes that were kept', async () => {
    const { socket, reads, far } = await connectPair();
    const kept: Buffer[] = [];
    reads.lend(collect('kept', kept));
    socket.resume();
    const lines = Array.from({ length: 50_000 }, (_, at) => `line ${at}\n`).join('');
    far.write(lines);
    await waitFor(() => lengthOf(kept) === lines.length, 5_000);
    expect(textOf(kept)).toBe(lines);
  });

  it('takes larger reads while there is much to read, and no longer', async () => {
    const { socket, reads, far } = await connectPair();
    const arrays: Buffer[] = [];
    const memory = new Set<ArrayBufferLike>();
    reads.lend({
      takeLent: (bytes) => {
        memory.add(bytes.buffer);
        return collect('returned', arrays).takeLent(bytes);
      },
    });
    far.write(Buffer.alloc(500_000, 'x'));
    await waitFor(() => far.writableLength === 0 || far.bytesWritten > 100_000, 1_000);
    socket.resume();
    await waitFor(() => lengthOf(arrays) === 500_000, 5_000);
    expect(Math.max(...arrays.map(({ length }) => length))).toBeGreaterThan(16_000);

    far.write('a little');
    await waitFor(() => lengthOf(arrays) === 500_008, 1_000);
    memory.clear();
    far.write('a little');
    await waitFor(() => lengthOf(arrays) === 500_016, 1_000);
    expect([...memory].map(({ byteLength }) => byteLength)).toEqual([1_024]);
  });

  it('stops at once when it is paused', async () => {
    const { socket, reads, far } = await connectPair();
    const arrays: Buffer[] = [];
    reads.lend({
      takeLent: (bytes) => {
        socket.pause();
        return collect('returned', arrays).takeLent(bytes);
      },
    });
    far.write(Buffer.alloc(100_000, 'x'));
    socket.resume();
    await waitFor(() => arrays.length === 1, 1_000);
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(arrays).toHaveLength(1);
    socket.resume();
    await waitFor(() => arrays.length === 2, 1_000);
  });
});
