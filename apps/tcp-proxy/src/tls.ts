// TLS towards clients: the step from a plain to an encrypted stream.

import { type SecureContext, TLSSocket } from 'node:tls';
import { GatewayError } from '@pgwake/gateway-errors';
import { type ClientTransport, type Peer, SocketDuplex } from '@pgwake/pg-session';

/**
 * Does the server's part of the handshake over `plain`, which is out of reach afterwards. Rejects with CLIENT_GONE when
 * the handshake fails, with the reason of `limit` when it takes too long.
 */
export function startTls(
  plain: SocketDuplex,
  secureContext: SecureContext,
  peer: Peer,
  limit: AbortSignal,
): Promise<ClientTransport> {
  const socket = new TLSSocket(plain.surrender(), { isServer: true, secureContext });
  return new Promise((resolve, reject) => {
    const giveUp = (reason: unknown) => {
      limit.removeEventListener('abort', onLimit);
      socket.destroy();
      reject(reason as Error);
    };
    const onError = (error: Error) =>
      giveUp(new GatewayError('CLIENT_GONE', { detail: 'the TLS handshake failed', cause: error }));
    const onGone = () => giveUp(new GatewayError('CLIENT_GONE', { detail: 'the client left in the TLS handshake' }));
    const onLimit = () => giveUp(limit.reason);
    limit.addEventListener('abort', onLimit, { once: true });
    // Stays until the duplex has a listener of its own: an error after a failed handshake would end the process.
    socket.on('error', onError);
    socket.once('end', onGone);
    socket.once('close', onGone);
    socket.once('secure', () => {
      limit.removeEventListener('abort', onLimit);
      const duplex = new SocketDuplex(socket);
      socket.off('error', onError).off('end', onGone).off('close', onGone);
      resolve({ duplex, peer, encryption: { kind: 'active', serverName: socket.servername || undefined } });
    });
  });
}
