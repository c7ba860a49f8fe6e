import { writeSync } from 'node:fs';
import type { Socket } from 'node:net';

/** Node documents that sockets can be made of a handle, and not where a socket has it. Its `fd` is -1 where there are none. */
interface HasHandle {
  readonly _handle?: { readonly fd?: number } | null;
}

/** For {@link writeNow}, for as long as the socket is not destroyed; -1 where nothing can be written past Node. */
export function descriptorOf(socket: Socket): number {
  return (socket as HasHandle)._handle?.fd ?? -1;
}

/**
 * Hands bytes to the kernel without Node's stream between, which makes several objects and a tick for each write. Only while
 * nothing waits in the socket, or it would overtake. How many bytes the kernel took: for the rest, and to hear what is wrong
 * with the connection, write to the socket.
 */
export function writeNow(descriptor: number, bytes: Uint8Array): number {
  try {
    return writeSync(descriptor, bytes, 0, bytes.length);
  } catch {
    return 0;
  }
}
