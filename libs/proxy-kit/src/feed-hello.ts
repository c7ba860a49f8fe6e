// What was read of a handshake before there was TLS to read it, given to it as if it had just come.
//
// The first bytes that Node's TLS gets also decide about the memory that it keeps for reading as long as the connection lives: 64 KB
// when they come from the kernel, and 1 KB, to which 16 KB are added once a read fills it, when they come from here. Most
// sessions are idle and never fill it. `unshift` would do the same for a hello below 1 KB; one with a post-quantum key share is
// longer, and has to be given in pieces.

import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

/** What fills the first KB makes Node add the next 16. */
const pieceBytes = 1_000;

/** Node documents no name for it. Its own TLS sockets give to it what their carriers have read. */
interface ReceivingHandle {
  receive?(bytes: Uint8Array): void;
}

interface HasHandle {
  readonly _handle?: ReceivingHandle | null;
}

/** To be called in the turn in which the socket was made, before it reads. `carrier`: the socket under it. */
export function feedHello(socket: TLSSocket, carrier: Socket, hello: Uint8Array): void {
  const holder = socket as unknown as HasHandle;
  if (holder._handle?.receive === undefined) {
    // Another Node: it finds them there, and only the memory is lost.
    carrier.unshift(hello);
    return;
  }
  for (let at = 0; at < hello.length; at += pieceBytes) {
    // A piece that is no TLS destroys the socket, and its handle with it.
    holder._handle?.receive?.(hello.subarray(at, at + pieceBytes));
  }
}
