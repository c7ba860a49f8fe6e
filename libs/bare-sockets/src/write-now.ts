// Writes past Node's streams, which make a request, a callback and a tick of the event loop for each.

import { writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { HasHandle } from './has-handle.js';

/** For {@link writeNow}, until the socket is destroyed. -1 where there is none: not connected, or not on this system. */
export function descriptorOf(socket: Socket): number {
  return (socket as HasHandle)._handle?.fd ?? -1;
}

/**
 * The first `size` bytes. Only while nothing waits in the socket, or they would overtake it. How many of them the kernel took: the
 * rest, and be it all, goes the ordinary way, where failures are told too.
 */
export function writeNow(descriptor: number, bytes: Uint8Array, size = bytes.length): number {
  if (descriptor < 0) return 0;
  try {
    return writeSync(descriptor, bytes, 0, size);
  } catch {
    return 0; // nothing more fits, or the connection is gone
  }
}

/**
 * The first `size` bytes, wherever they go: what the kernel does not take now is copied, and waits in the socket. `bytes` are the
 * caller's again. The socket has to be writable: once it is destroyed its descriptor may be another one's.
 */
export function writeLent(socket: Socket, descriptor: number, bytes: Uint8Array, size = bytes.length): void {
  const sent = socket.writableLength === 0 ? writeNow(descriptor, bytes, size) : 0;
  if (sent < size) socket.write(Buffer.from(bytes.subarray(sent, size)));
}
