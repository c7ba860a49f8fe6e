// TLS towards clients: the step from a plain to an encrypted stream.

import { type ClientTransport, type Peer, SocketDuplex } from '@pgwake/pg-session';
import { type ServerCertificate, startTls } from '@pgwake/proxy-kit';

/** By ALPN a client makes sure that it talks to a Postgres server, whatever an attacker did to its connection. */
const alpnProtocol = 'postgresql';

/** Does the server's part of the handshake over `plain`, which is out of reach afterwards. Rejects as `startTls` does. */
export function encrypt(
  plain: SocketDuplex,
  certificate: ServerCertificate,
  peer: Peer,
  limit: AbortSignal,
): Promise<ClientTransport> {
  return startTls(plain.surrender(), { certificate, alpnProtocols: [alpnProtocol], limit }, (socket) => ({
    duplex: new SocketDuplex(socket),
    peer,
    encryption: { kind: 'active', serverName: socket.servername || undefined },
  }));
}
