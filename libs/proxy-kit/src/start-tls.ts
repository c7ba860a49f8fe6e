// The server's part of a TLS handshake over an accepted socket.

import { type Socket } from 'node:net';
import { TLSSocket, type TLSSocketOptions } from 'node:tls';
import { GatewayError } from '@pgwake/gateway-errors';
import { feedHello } from './feed-hello.js';
import type { ServerCertificate } from './server-certificate.js';

export interface TlsOptions {
  readonly certificate: ServerCertificate;
  readonly chooseProtocol: ProtocolChoice;
  /** What was read of the handshake before. Whoever reads all of its first record saves the memory that feed-hello.ts tells of. */
  readonly hello?: Uint8Array;
  readonly limit: AbortSignal;
}

/** For ALPN. Made once for all connections: each socket keeps it. */
export type ProtocolChoice = NonNullable<TLSSocketOptions['ALPNCallback']>;

/** The first of `ours` that the client offers. One that offers protocols, but none of them, is refused; one that offers none gets through. */
export function createProtocolChoice(ours: readonly string[]): ProtocolChoice {
  return ({ protocols }) => ours.find((name) => protocols.includes(name));
}

/**
 * `take` gets the secure socket, which must have an 'error' listener when it returns; what it throws ends the connection.
 * Rejects with CLIENT_GONE when the handshake fails, with CLIENT_CERTIFICATE_REFUSED, or with the reason of `limit`.
 */
export function startTls<T>(raw: Socket, options: TlsOptions, take: (secured: TLSSocket) => T): Promise<T> {
  const { certificate, chooseProtocol, hello, limit } = options;
  const socket = new TLSSocket(raw, {
    isServer: true,
    secureContext: certificate.context,
    // Not ALPNProtocols: of those every socket would hold a copy in Node's pool, and with it as much of the pool as stands there.
    ALPNCallback: chooseProtocol,
    requestCert: certificate.clientCert !== 'off',
    rejectUnauthorized: certificate.clientCert === 'required',
  });
  forgetConnect(raw);
  return new Promise((resolve, reject) => {
    const stopListening = () => {
      limit.removeEventListener('abort', onLimit);
      socket.off('error', onError).off('end', onGone).off('close', onGone);
    };
    const giveUp = (reason: unknown) => {
      stopListening();
      // An error after this one would end the process.
      socket.on('error', ignore);
      socket.destroy();
      reject(reason as Error);
    };
    const onError = (error: Error) =>
      giveUp(new GatewayError('CLIENT_GONE', { detail: 'the TLS handshake failed', cause: error }));
    const onGone = () => giveUp(new GatewayError('CLIENT_GONE', { detail: 'the client left in the TLS handshake' }));
    const onLimit = () => giveUp(limit.reason);
    limit.addEventListener('abort', onLimit, { once: true });
    socket.on('error', onError).on('end', onGone).on('close', onGone);
    socket.once('secure', () => {
      // Before the taker listens: a third listener of an event makes room for twenty, for as long as the socket lives.
      stopListening();
      try {
        refuseUnverified(socket);
        resolve(take(socket));
      } catch (error) {
        giveUp(error);
      }
    });
    if (hello !== undefined) feedHello(socket, raw, hello);
  });
}

/**
 * The TLS socket waits to hear that its carrier has connected, which it has, and both would keep what it waits with. One by one:
 * after removeAllListeners Node keeps the listeners that are left in something larger.
 */
function forgetConnect(carrier: Socket): void {
  for (const listener of carrier.rawListeners('connect')) carrier.off('connect', listener as () => void);
}

function ignore(): void {
  // It was given up for another reason, which has been told.
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
