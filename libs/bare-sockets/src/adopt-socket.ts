// A server's socket as one that lends what it reads. Node makes such sockets for outgoing connections only, by the option
// `onread`; a server makes its own, and offers no way to say how.

import { Socket } from 'node:net';
import type { HasHandle } from './has-handle.js';
import { LendingReads } from './lending-reads.js';

export interface LendingSocket {
  readonly socket: Socket;
  /** None where the connection could not be moved: then it reads as any other, which costs more and changes nothing else. */
  readonly reads: LendingReads | undefined;
}

/**
 * Moves an accepted connection, of which nothing has been read yet, to a socket of ours: paused, half-open allowed. The
 * accepted one is destroyed without its connection, so its server counts it as closed.
 */
export function adoptSocket(accepted: Socket): LendingSocket {
  const holder = accepted as HasHandle;
  const handle = holder._handle;
  if (!handle) return { socket: accepted, reads: undefined };
  const reads = new LendingReads();
  // As `pauseOnConnect` of a server does it; Node's types know the option there only.
  const standingStill = { pauseOnCreate: true };
  const socket = new Socket({ handle, allowHalfOpen: true, onread: reads.onread, ...standingStill });
  reads.bind(socket);
  holder._handle = null;
  accepted.destroy();
  return { socket, reads };
}
