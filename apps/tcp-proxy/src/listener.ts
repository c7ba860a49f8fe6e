// Accepts clients and owns their sessions, so that nothing is left open when the process ends.

import { randomUUID } from 'node:crypto';
import { type Server, type Socket, createServer } from 'node:net';
import { GatewayError, isGatewayError } from '@pgwake/gateway-errors';
import type { SessionId } from '@pgwake/ids';
import { type LendingSocket, adoptSocket } from '@pgwake/bare-sockets';
import type { ClientLimits } from '@pgwake/limits';
import { listen } from '@pgwake/nest-kit';
import {
  type ClientTransport,
  type Peer,
  type Session,
  type SessionDeps,
  SocketDuplex,
  startSession,
} from '@pgwake/pg-session';
import {
  type CertificateStore,
  type ClientDoor,
  type IsLoadBalancer,
  peerOf,
  readProxyHeader,
} from '@pgwake/proxy-kit';
import { encrypt } from './tls.js';
import { createTurnAway } from './turn-away.js';

/** Node's default of 511 overflows when thousands of clients come at once. */
const acceptBacklog = 4096;

export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  /** Without it no TLS is offered. */
  readonly certificates: CertificateStore | undefined;
  readonly isLoadBalancer: IsLoadBalancer;
  readonly session: SessionDeps;
  readonly limits: ClientLimits;
  readonly onOpenSessions: (count: number) => void;
}

export class Listener implements ClientDoor {
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #sessions = new Set<Session>();
  readonly #turnAway = createTurnAway();
  readonly #onSessionEnded = (session: Session): void => {
    this.#sessions.delete(session);
    this.#options.onOpenSessions(this.#sessions.size);
    if (this.#sessions.size === 0) this.#onNoneLeft?.();
  };
  #onNoneLeft: (() => void) | undefined;
  /** Of those who have not said yet who they are. */
  readonly #drained = new AbortController();

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => this.#accept(socket));
  }

  /** Resolves with the port; rejects with a StartupError. */
  start(): Promise<number> {
    const { host, port } = this.#options;
    return listen(this.#server, { host, port, backlog: acceptBacklog, setting: 'PGWAKE_TCP_HOST and PGWAKE_TCP_PORT' });
  }

  /**
   * Accepts nobody any more; ends sessions as they become idle, and after `limitMs` all that are left. Resolves when every
   * session is closed.
   */
  async drain(limitMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#drained.abort(new GatewayError('DRAINING'));
    for (const session of this.#sessions) session.drain();
    const limit = setTimeout(() => {
      for (const session of this.#sessions) session.end();
    }, limitMs);
    await Promise.all([closed, this.#untilNoneIsLeft()]);
    clearTimeout(limit);
  }

  #accept(accepted: Socket): void {
    const { session, isLoadBalancer } = this.#options;
    const { remoteAddress = '' } = accepted;
    const client = adoptSocket(accepted);
    if (isLoadBalancer(remoteAddress)) void this.#acceptProxied(client, peerOf(remoteAddress));
    else this.#serve(client, peerOf(remoteAddress), session);
  }

  /** The client is who the load balancer says. The time that takes is part of the time for its login. */
  async #acceptProxied(accepted: LendingSocket, loadBalancer: Peer): Promise<void> {
    const { session } = this.#options;
    const acceptedMs = performance.now();
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(new GatewayError('CLIENT_TOO_SLOW')), session.loginTimeoutMs);
    try {
      await readProxyHeader(accepted.socket, AbortSignal.any([limit.signal, this.#drained.signal]), (client) => {
        const loginTimeoutMs = session.loginTimeoutMs - (performance.now() - acceptedMs);
        const peer = client === undefined ? loadBalancer : peerOf(client);
        this.#serve(accepted, peer, { ...session, loginTimeoutMs });
      });
    } catch (cause) {
      const error = isGatewayError(cause) ? cause : new GatewayError('INTERNAL', { cause });
      const facts = { sessionId: createSessionId(), peer: loadBalancer, encrypted: false, admitted: undefined };
      session.observer.ended(facts, { kind: 'refused', error, journey: undefined });
    } finally {
      clearTimeout(timer);
    }
  }

  #serve(accepted: LendingSocket, peer: Peer, deps: SessionDeps): void {
    const entry = this.#options.limits.enter(peer.address);
    if (entry.kind === 'turnedAway') return this.#turnAway(accepted.socket, entry.error);
    const transport = this.#transport(accepted, peer);
    const session = startSession(transport, createSessionId(), deps, entry.visit, this.#onSessionEnded);
    this.#sessions.add(session);
    this.#options.onOpenSessions(this.#sessions.size);
  }

  #untilNoneIsLeft(): Promise<void> {
    if (this.#sessions.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onNoneLeft = resolve;
    });
  }

  #transport({ socket, reads }: LendingSocket, peer: Peer): ClientTransport {
    const { certificates } = this.#options;
    const duplex = new SocketDuplex(socket).borrow(reads);
    if (certificates === undefined) return { duplex, peer, encryption: { kind: 'unavailable' } };
    return {
      duplex,
      peer,
      encryption: {
        kind: 'available',
        start: (opening, limit) => encrypt(duplex, certificates.current, peer, opening, limit),
      },
    };
  }
}

function createSessionId(): SessionId {
  return randomUUID() as string as SessionId;
}
