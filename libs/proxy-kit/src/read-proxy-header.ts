// Waits on an accepted socket for the PROXY header, and leaves everything behind it to whoever comes next.

import type { Socket } from 'node:net';
import { GatewayError } from '@pgwake/gateway-errors';
import { parseProxyHeader } from './proxy-header.js';

/**
 * `take` gets the client's address, or `undefined` when the load balancer speaks for itself; the socket, paused as it was
 * accepted, must have an 'error' listener when it returns. The socket is destroyed when this rejects: with
 * PROTOCOL_VIOLATION, with CLIENT_GONE, with the reason of `limit`, or with what `take` throws.
 */
export function readProxyHeader<T>(
  socket: Socket,
  limit: AbortSignal,
  take: (client: string | undefined) => T,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let read: Uint8Array = new Uint8Array(0);
    const letGo = () => {
      socket.off('data', onBytes).off('end', onGone).off('close', onGone).off('error', onGone);
      limit.removeEventListener('abort', onLimit);
    };
    const giveUp = (reason: unknown) => {
      letGo();
      // What the end of the socket still has to say is of no interest, but without a listener it would end the process.
      socket.on('error', () => undefined).destroy();
      reject(reason as Error);
    };
    const onGone = () => giveUp(new GatewayError('CLIENT_GONE', { detail: 'left before its PROXY header' }));
    const onLimit = () => giveUp(limit.reason);
    const onBytes = (chunk: Buffer) => {
      read = Buffer.concat([read, chunk]);
      const header = parseProxyHeader(read);
      if (header.kind === 'incomplete') return;
      if (header.kind === 'violation') {
        const { what } = header;
        return giveUp(new GatewayError('PROTOCOL_VIOLATION', { params: { what }, detail: what }));
      }
      socket.pause();
      letGo();
      const rest = read.subarray(header.length);
      if (rest.length > 0) socket.unshift(rest);
      try {
        resolve(take(header.kind === 'proxied' ? header.client : undefined));
      } catch (error) {
        giveUp(error);
      }
    };
    if (limit.aborted) return onLimit();
    limit.addEventListener('abort', onLimit, { once: true });
    socket.on('data', onBytes).once('end', onGone).once('close', onGone).once('error', onGone);
    socket.resume();
  });
}
