// Hostile clients over real sockets.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Feeding, type HostileClient, type Line, type Verdict, converse } from '@pgwake/hostile-bytes';

/** The client's end of a connection, on its way or there. */
export class SocketLine implements Line {
  readonly socket: Socket;
  readonly #heard: Buffer[] = [];
  #over = false;
  #wakeUp: () => void = () => undefined;

  constructor(socket: Socket) {
    this.socket = socket.setNoDelay(true);
    this.socket.on('data', (chunk) => {
      this.#heard.push(chunk);
      this.#wakeUp();
    });
    this.socket.on('error', () => undefined); // a server may close with our noise unread
    for (const event of ['end', 'close'] as const) {
      this.socket.on(event, () => {
        this.#over = true;
        this.#wakeUp();
      });
    }
  }

  async say(bytes: Uint8Array): Promise<void> {
    if (this.socket.connecting) await once(this.socket, 'connect');
    if (this.socket.writable) this.socket.write(bytes);
    // One turn for the kernel's loopback, one for the reader.
    await nextTurn();
    await nextTurn();
  }

  hangUp(): void {
    this.socket.end();
  }

  heard(): Uint8Array {
    return Buffer.concat(this.#heard);
  }

  async more(): Promise<boolean> {
    const before = this.#heard.length;
    if (!this.#over) await new Promise<void>((resolve) => (this.#wakeUp = resolve));
    return this.#heard.length > before || !this.#over;
  }
}

/** Plays the client against the other end of `socket`, which is closed afterwards. */
export async function playHostileClient(socket: Socket, client: HostileClient, feeding: Feeding): Promise<Verdict> {
  try {
    return await converse(new SocketLine(socket), client, feeding);
  } finally {
    socket.destroy();
  }
}

const atOnce = 16;

/** Does it for all items, many at a time, as clients come. */
export async function forEachAtOnce<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const item of left) await act(item);
    }),
  );
}
