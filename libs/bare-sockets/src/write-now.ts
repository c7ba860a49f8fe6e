// Writes past Node's streams, which make a request, a callback and a tick of the event loop for each.

import { writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import type { HasHandle } from './has-handle.js';

/** For {@link writeNow}, until the socket is destroyed. -1 where there is none: not connected, or not on this system. */
export function descriptorOf(socket: Socket): number {
  return (socket as HasHandle)._handle?.fd ?? -1;
}

/**
 * Only while nothing waits in the socket, or these bytes would overtake it. How many of them the kernel took: the rest, and be it
 * all, goes the ordinary way, where failures are told too.
 */
export function writeNow(descriptor: number, bytes: Uint8Array): number {
  try {
    return writeSync(descriptor, bytes);
  } catch {
    return 0; // nothing more fits, or the connection is gone
  }
}
