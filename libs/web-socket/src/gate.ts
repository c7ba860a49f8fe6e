// Lets WebSockets in: the opening handshake (RFC 6455, 4.2), its limits, and which host the client came for. Whether that
// host means anything is not decided here.

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import { Heartbeat, type HeartbeatOptions } from './heartbeat.js';
import { WebSocketDuplex } from './web-socket-duplex.js';

export interface WebSocketGateOptions extends HeartbeatOptions {
  /** A longer message is refused with close code 1009. */
  readonly maxMessageBytes: number;
  /** `Origin` headers that browsers may come with; empty: all. Whoever sends none is no browser and is let in. */
  readonly allowedOrigins: readonly string[];
}

/** A WebSocket after its handshake. */
export interface OpenWebSocket {
  readonly duplex: WebSocketDuplex;
  /**
   * The host that the client wants, without a port: of `?address=host:port` as the serverless driver's `wsProxy` writes it,
   * else of the target if that names one (RFC 9112, 3.2.2), else of the Host header. Untrusted, in the client's own spelling.
   */
  readonly host: string | undefined;
}

export interface WebSocketGate {
  /** For the 'upgrade' event of a node:http server. A request that is no proper handshake is answered 4xx and closed. */
  upgrade(request: IncomingMessage, socket: Socket, head: Buffer, onOpen: (opened: OpenWebSocket) => void): void;
  /** Ends the watch over those that are open. They stay open. */
  close(): void;
}

/** How many fragments a message may have: drivers send none, and each costs more than its bytes. */
const maxFragments = 1_024;

export function createWebSocketGate(options: WebSocketGateOptions): WebSocketGate {
  const { maxMessageBytes, allowedOrigins } = options;
  const heartbeat = new Heartbeat(options);
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    // Its memory per connection is large, and a small frame may expand to any size.
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    maxFragments,
    // The driver names no subprotocol; one that we do not know is none that we may agree to.
    handleProtocols: () => false,
  });

  return {
    upgrade(request, socket, head, onOpen) {
      // Until ws listens, and while it refuses: an 'error' that nobody hears would end the process.
      socket.on('error', () => undefined);
      const { origin } = request.headers;
      if (origin !== undefined && allowedOrigins.length > 0 && !allowedOrigins.includes(origin)) {
        return refuse(socket, '403 Forbidden');
      }
      server.handleUpgrade(request, socket, head, (webSocket) => {
        const duplex = new WebSocketDuplex(webSocket, socket);
        socket.setNoDelay(true);
        heartbeat.watch(webSocket, duplex);
        onOpen({ duplex, host: wantedHost(request) });
      });
    },
    close: () => heartbeat.stop(),
  };
}

function refuse(socket: Socket, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function wantedHost({ url = '/', headers }: IncomingMessage): string | undefined {
  const target = URL.parse(url, 'http://localhost');
  const address = target?.searchParams.get('address');
  const host = url.startsWith('/') ? headers.host : target?.host;
  return (address ?? host)?.replace(/:[0-9]*$/, '') || undefined;
}
