// TLS to a compute whose certificate is its proof of identity. The certificate is checked before anything else is said, so
// not even a startup packet, with its names of users and databases, reaches an impostor. It never goes on in plaintext.

import { X509Certificate } from 'node:crypto';
import { type Socket, isIP } from 'node:net';
import { type SecureContext, type TLSSocket, connect } from 'node:tls';
import { GatewayError } from '@pgwake/gateway-errors';
import { encodeSslRequest } from '@pgwake/pg-wire';
import { dialTimeout, protocolError } from './classify.js';

/**
 * Asks for TLS as https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL says and does the client's part
 * of the handshake. `plain` is not to be used afterwards.
 *
 * @param name that the certificate must hold among its subject alternative names (DNS), word for word: a wildcard would
 *   be the identity of many
 * @param authority who may have signed it
 * @returns rejects with what Node reported, or with a GatewayError: COMPUTE_IDENTITY_MISMATCH for a compute without TLS or
 *   with another name, COMPUTE_RESET at the end of the socket, COMPUTE_DIAL_TIMEOUT when `signal` is aborted; then nothing
 *   is left open
 */
export function startTls(
  plain: Socket,
  name: string,
  authority: SecureContext | undefined,
  signal: AbortSignal,
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    let secured: TLSSocket | undefined;
    const release = () => {
      signal.removeEventListener('abort', onAbort);
      for (const socket of [plain, secured]) socket?.off('error', fail).off('end', onEnd).off('close', onEnd);
    };
    const fail = (error: unknown) => {
      release();
      secured?.destroy();
      plain.destroy();
      reject(error as Error);
    };
    const onEnd = () => fail(new GatewayError('COMPUTE_RESET', { detail: 'closed before TLS was established' }));
    const onAbort = () => fail(dialTimeout(signal));
    const watch = (socket: Socket) => socket.on('error', fail).on('end', onEnd).on('close', onEnd);

    if (authority === undefined) return fail(mismatch('no authority for the certificates of computes is configured'));
    signal.addEventListener('abort', onAbort, { once: true });
    watch(plain);
    plain.write(encodeSslRequest());
    plain.once('data', (answer) => {
      const refusal = judgeAnswer(answer);
      if (refusal !== undefined) return fail(refusal);
      const tls = connect({
        socket: plain,
        secureContext: authority,
        ...(isIP(name) === 0 && { servername: name }),
        checkServerIdentity: (_host, { raw }) => judgeCertificate(raw, name),
      });
      // As with the plain socket: whoever waits on it has a listener of its own.
      tls.on('error', () => undefined);
      secured = tls;
      watch(tls);
      tls.once('secureConnect', () => {
        release();
        resolve(tls);
      });
    });
  });
}

/** One byte, in plaintext: anybody may have sent it, so an error that comes instead is not looked into. */
function judgeAnswer(answer: Buffer): GatewayError | undefined {
  switch (answer.toString('latin1')) {
    case 'S':
      return undefined;
    case 'N':
      return mismatch('the compute does not speak TLS');
    default:
      // Bytes behind the `S` too: they would be taken for what came over TLS.
      return protocolError('neither yes nor no to TLS');
  }
}

function judgeCertificate(raw: Buffer, name: string): GatewayError | undefined {
  const certificate = new X509Certificate(raw);
  const holdsName = certificate.checkHost(name, { subject: 'never', wildcards: false }) !== undefined;
  return holdsName ? undefined : mismatch(`expected a certificate for ${name}, got ${certificate.subjectAltName}`);
}

function mismatch(detail: string): GatewayError {
  return new GatewayError('COMPUTE_IDENTITY_MISMATCH', { detail });
}
