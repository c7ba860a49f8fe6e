// TLS towards clients: the step from a plain to an encrypted stream.

import { GatewayError } from '@pgwake/gateway-errors';
import { type ClientTransport, type Peer, SocketDuplex, type TlsOpening } from '@pgwake/pg-session';
import { type ServerCertificate, createProtocolChoice, startTls } from '@pgwake/proxy-kit';

/** By ALPN a client makes sure that it talks to a Postgres server, whatever an attacker did to its connection. */
const alpnProtocol = 'postgresql';
const chooseProtocol = createProtocolChoice([alpnProtocol]);

/**
 * Does the server's part of the handshake over `plain`, which is out of reach afterwards. Rejects as `startTls` does, and
 * with PROTOCOL_VIOLATION for direct TLS that does not name Postgres.
 */
export function encrypt(
  plain: SocketDuplex,
  certificate: ServerCertificate,
  peer: Peer,
  opening: TlsOpening,
  limit: AbortSignal,
): Promise<ClientTransport> {
  const { kind, hello } = opening;
  const plainSocket = plain.surrender();
  return startTls(plainSocket, { certificate, chooseProtocol, hello, limit }, (socket) => {
    if (kind === 'direct' && socket.alpnProtocol !== alpnProtocol) {
      // The client hears nothing, as from Postgres: who did not name our protocol may take the answer for another one's.
      const what = `direct TLS without the ALPN protocol ${alpnProtocol}`;
      throw new GatewayError('PROTOCOL_VIOLATION', { params: { what }, detail: what });
    }
    const { bindingHash } = certificate;
    const encryption = { kind: 'active', serverName: socket.servername || undefined, bindingHash } as const;
    return { duplex: new SocketDuplex(socket, plainSocket), peer, encryption };
  });
}
