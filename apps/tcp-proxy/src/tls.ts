// TLS towards clients: the certificate from files, and the step from a plain to an encrypted stream.

import { readFileSync } from 'node:fs';
import { type SecureContext, TLSSocket, createSecureContext } from 'node:tls';
import { GatewayError } from '@pgwake/gateway-errors';
import { StartupError } from '@pgwake/nest-kit';
import { type ClientTransport, type Peer, SocketDuplex } from '@pgwake/pg-session';
import type { TcpProxySettings } from './settings.js';

/** `undefined` when no certificate is configured. Throws a StartupError when it is and cannot be used. */
export function loadSecureContext({ tlsCertFile, tlsKeyFile }: TcpProxySettings): SecureContext | undefined {
  if (tlsCertFile === undefined && tlsKeyFile === undefined) return undefined;
  if (tlsCertFile === undefined || tlsKeyFile === undefined) {
    throw new StartupError('Settings: PGWAKE_TLS_CERT_FILE and PGWAKE_TLS_KEY_FILE must be given together.');
  }
  try {
    return createSecureContext({
      cert: readFileSync(tlsCertFile),
      key: readFileSync(tlsKeyFile),
      minVersion: 'TLSv1.2',
    });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new StartupError(`The certificate ${tlsCertFile} with the key ${tlsKeyFile} cannot be used: ${why}.`, {
      cause: error,
    });
  }
}

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
