// The server's part of a TLS handshake over an accepted socket.

import { type Socket } from 'node:net';
import { TLSSocket, type TLSSocketOptions } from 'node:tls';
import { GatewayError } from '@pgwake/gateway-errors';
import { feedHello } from './feed-hello.js';
import type { ServerCertificate } from './server-certificate.js';

export interface TlsOptions {
  readonly certificate: ServerCertificate;
  /** A client that offers protocols by ALPN, but none of these, is refused; one that offers none gets through. */
  readonly alpnProtocols: readonly string[];
  /** What was read of the handshake before. Whoever reads all of its first record saves the memory that feed-hello.ts tells of. */
  readonly hello?: Uint8Array;
  readonly limit: AbortSignal;
}

/**
 * `take` gets the secure socket, which must have an 'error' listener when it returns; what it throws ends the connection.
 * Rejects with CLIENT_GONE when the handshake fails, with CLIENT_CERTIFICATE_REFUSED, or with the reason of `limit`.
 */
export function startTls<T>(raw: Socket, options: TlsOptions, take: (secured: TLSSocket) => T): Promise<T> {
  const { certificate, alpnProtocols, hello, limit } = options;
  const socket = new TLSSocket(raw, {
    isServer: true,
    secureContext: certificate.context,
    // Not ALPNProtocols: of those every socket would hold a copy in Node's pool, and with it as much of the pool as stands there.
    ALPNCallback: createChoice(alpnProtocols),
    requestCert: certificate.clientCert !== 'off',
    rejectUnauthorized: certificate.clientCert === 'required',
  });
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
    // Stays until the taker has a listener of its own: an error after a failed handshake would end the process.
    socket.on('error', onError);
    socket.once('end', onGone);
    socket.once('close', onGone);
    socket.once('secure', () => {
      try {
        refuseUnverified(socket);
        const taken = take(socket);
        limit.removeEventListener('abort', onLimit);
        socket.off('error', onError).off('end', onGone).off('close', onGone);
        resolve(taken);
      } catch (error) {
        giveUp(error);
      }
    });
    if (hello !== undefined) feedHello(socket, raw, hello);
  });
}

/** Made out here: the socket keeps it, and with it everything that a closure where the handshake goes on could see. */
function createChoice(ours: readonly string[]): NonNullable<TLSSocketOptions['ALPNCallback']> {
  return ({ protocols }) => ours.find((name) => protocols.includes(name));
}

interface VerifyingHandle {
  verifyError(): NodeJS.ErrnoException | null;
}

/**
 * Node lets every certificate through the handshake and leaves the judgement to tls.Server, which does not say which of
 * the sockets it was handed has become which. OpenSSL's verdict is to be had only where that server has it from.
 */
function refuseUnverified(socket: TLSSocket): void {
  if (socket.getPeerX509Certificate() === undefined) return;
  const { _handle: handle } = socket as unknown as { _handle: VerifyingHandle };
  const error = handle.verifyError();
  if (error)
    throw new GatewayError('CLIENT_CERTIFICATE_REFUSED', { detail: error.code ?? error.message, cause: error });
}
