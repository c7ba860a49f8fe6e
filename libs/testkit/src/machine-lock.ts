// One process of the machine at a time, for what several jest workers may want to make at once. It is no lock between
// machines, nor between containers with networks of their own.

import { once } from 'node:events';
import { type Socket, connect, createServer } from 'node:net';

/**
 * Does the work while nobody else does work of this name. Rejects when the signal aborts the waiting.
 *
 * The lock is an abstract socket (unix(7)), which goes with its holder, so it is never stale; whoever waits is connected to
 * it, and so learns of its end. Only Linux has these: elsewhere nobody waits, and the work must bear being done twice.
 */
export async function withMachineLock(name: string, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  if (process.platform !== 'linux') return work();
  const path = `\0${name}`;
  const waiting = new Set<Socket>();
  const lock = createServer((socket) => waiting.add(socket.on('error', () => undefined)));
  for (;;) {
    try {
      lock.listen(path);
      await once(lock, 'listening');
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
    const holder = connect(path).resume();
    await once(holder, 'close', { signal }).catch(() => holder.destroy()); // refused: it has just ended
    signal.throwIfAborted();
  }
  try {
    await work();
  } finally {
    lock.close();
    for (const socket of waiting) socket.destroy();
  }
}
