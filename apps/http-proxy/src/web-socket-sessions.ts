// Sessions in the Postgres protocol over WebSockets: on any path, as drivers choose theirs. What happens in a session is
// the same code as behind tcp-proxy, on another stream.

import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { SessionId } from '@pgwake/ids';
import { type Session, type SessionDeps, startSession } from '@pgwake/pg-session';
import { peerOf } from '@pgwake/proxy-kit';
import {
  type OpenWebSocket,
  type WebSocketGate,
  type WebSocketGateOptions,
  createWebSocketGate,
} from '@pgwake/web-socket';
import type { Client } from './client.js';

export class WebSocketSessions {
  readonly #gate: WebSocketGate;
  readonly #deps: SessionDeps;
  readonly #open = new Map<Session, OpenWebSocket>();
  readonly #onEnded = (session: Session): void => void this.#open.delete(session);

  constructor(options: WebSocketGateOptions, deps: SessionDeps) {
    this.#gate = createWebSocketGate(options);
    this.#deps = deps;
  }

  /** For the 'upgrade' event of a node:http server, which has left the socket to us. */
  upgrade(request: IncomingMessage, socket: Socket, head: Buffer, client: Client): void {
    this.#gate.upgrade(request, socket, head, (webSocket) => {
      const { duplex, host: serverName } = webSocket;
      const peer = peerOf(client.address);
      const encrypted = 'encrypted' in socket;
      const session = startSession(
        {
          duplex,
          peer,
          // What a client binds its proof to is the certificate of TLS inside the stream, and here it is outside.
          encryption: encrypted
            ? { kind: 'active', serverName, bindingHash: undefined }
            : { kind: 'unavailable', serverName },
        },
        randomUUID() as string as SessionId,
        this.#deps,
        client.becomeSession(),
        this.#onEnded,
      );
      this.#open.set(session, webSocket);
    });
  }

  /** Sessions end as they become idle; their clients learn that the server goes away. */
  drain(): void {
    this.#gate.close();
    for (const [session, webSocket] of this.#open) {
      webSocket.duplex.goAway();
      session.drain();
    }
  }

  /** All that are left end now. */
  endAll(): void {
    for (const session of this.#open.keys()) session.end();
  }
}
