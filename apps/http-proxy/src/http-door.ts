// Where clients come in: HTTP/1.1 in plain, or HTTP/1.1 and HTTP/2 over TLS, on one port. It owns the connections and their
// limits; what a request means is the router's.
//
// One server accepts and hands every socket on to Node's HTTP servers, which never listen themselves: so a certificate can
// change while clients connect, both versions share all limits, and what a load balancer says of its client (the PROXY
// protocol) is read before TLS and HTTP begin.

import { randomUUID } from 'node:crypto';
import { type IncomingMessage, type Server, createServer } from 'node:http';
import {
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
  createServer as createHttp2Server,
} from 'node:http2';
import { type Server as Acceptor, type Socket, createServer as createAcceptor } from 'node:net';
import { type LendingReads, type LendingSocket, adoptSocket } from '@pgwake/bare-sockets';
import { GatewayError } from '@pgwake/gateway-errors';
import type { SessionId } from '@pgwake/ids';
import type { ClientLimits } from '@pgwake/limits';
import { listen } from '@pgwake/nest-kit';
import {
  type CertificateStore,
  type ClientDoor,
  type IsLoadBalancer,
  createProtocolChoice,
  peerOf,
  readProxyHeader,
  startTls,
} from '@pgwake/proxy-kit';
import { Client } from './client.js';
import { tell } from './error-answer.js';
import type { Exchange } from './exchange.js';
import { Http1Connections } from './http1-connections.js';
import { isHost } from './is-host.js';
import { maxHeadBytes } from './known-head.js';
import { NodeExchange } from './node-exchange.js';
import { endWith, refuseNoHttp } from './refuse-no-http.js';
import { route } from './router.js';
import type { SqlRoute } from './sql-route.js';
import type { WebSocketSessions } from './web-socket-sessions.js';

export interface HttpDoorOptions {
  readonly host: string;
  readonly port: number;
  /** Plain HTTP without them. */
  readonly certificates: CertificateStore | undefined;
  readonly isLoadBalancer: IsLoadBalancer;
  readonly sql: SqlRoute;
  readonly webSockets: WebSocketSessions;
  readonly limits: ClientLimits;
  readonly onOpenConnections: (count: number) => void;
  /** A request was known by the head of the one before it. */
  readonly onRepeat: () => void;
  /** A load balancer did not say who its client is; the connection is closed. `address`: its own. */
  readonly onUnknownClient: (address: string, error: unknown) => void;
  /** For a whole request. */
  readonly receiveTimeoutMs: number;
  readonly keepAliveMs: number;
}

/** Node's default of 511 overflows when thousands of clients come at once. */
const acceptBacklog = 4096;
const proxyHeaderTimeoutMs = 10_000;
const handshakeTimeoutMs = 10_000;
const chooseProtocol = createProtocolChoice(['h2', 'http/1.1']);
const headersTimeoutMs = 10_000;
const checkIntervalMs = 2_000;
const maxRequestsPerConnection = 1_000;
/** At once, of one HTTP/2 connection. */
const maxStreams = 100;
/** For the answers to requests that are ended at the end of a drain. */
const lastAnswersMs = 1_000;

export class HttpDoor implements ClientDoor {
  readonly #options: HttpDoorOptions;
  readonly #acceptor: Acceptor;
  readonly #http1: Server;
  readonly #http2: Http2Server;
  readonly #sockets = new Set<Socket>();
  #onNoneLeft: (() => void) | undefined;
  /** By address and port: Node's servers tell these of what they were handed, but not always the socket itself. */
  readonly #clients = new Map<string, Client>();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #http1Connections: Http1Connections;
  /** For those who have not said yet who they are. */
  readonly #drained = new AbortController();
  #draining = false;

  constructor(options: HttpDoorOptions) {
    this.#options = options;
    const { keepAliveMs, sql, onRepeat } = options;
    this.#http1Connections = new Http1Connections({
      keepAliveMs,
      maxRequests: maxRequestsPerConnection,
      onRepeat: (exchange) => {
        onRepeat();
        void sql.serve(this.#begin(exchange));
      },
    });
    this.#http1 = this.#createHttp1();
    this.#http2 = this.#createHttp2();
    this.#acceptor = createAcceptor({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) =>
      this.#accept(socket),
    );
  }

  /** Resolves with the port; rejects with a StartupError. */
  start(): Promise<number> {
    const { host, port } = this.#options;
    const setting = 'PGWAKE_HTTP_HOST and PGWAKE_HTTP_PORT';
    return listen(this.#acceptor, { host, port, backlog: acceptBacklog, setting });
  }

  /**
   * Accepts nobody any more; a connection ends with the answer to its request, and after `limitMs` requests that still run
   * are told that the gateway is shutting down. Resolves when every connection is closed.
   */
  async drain(limitMs: number): Promise<void> {
    const { sql, webSockets } = this.#options;
    this.#draining = true;
    const closed = new Promise<void>((resolve) => this.#acceptor.close(() => resolve()));
    this.#drained.abort(new GatewayError('DRAINING'));
    for (const session of this.#sessions) session.close();
    for (const exchange of sql.underWay) exchange.closeAfterwards();
    this.#http1Connections.endIdle();
    webSockets.drain();
    const limit = setTimeout(() => {
      sql.endAll();
      webSockets.endAll();
    }, limitMs);
    const last = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, limitMs + lastAnswersMs);
    await Promise.all([closed, this.#untilNoneIsLeft()]);
    clearTimeout(limit);
    clearTimeout(last);
    // Only ends its watch over timeouts.
    this.#http1.close();
  }

  #untilNoneIsLeft(): Promise<void> {
    if (this.#sockets.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onNoneLeft = resolve;
    });
  }

  #createHttp1(): Server {
    const { receiveTimeoutMs } = this.#options;
    const server = createServer({
      maxHeaderSize: maxHeadBytes,
      headersTimeout: Math.min(headersTimeoutMs, receiveTimeoutMs),
      requestTimeout: receiveTimeoutMs,
      keepAliveTimeout: 0, // that is for Http1Connections
      connectionsCheckingInterval: checkIntervalMs,
      insecureHTTPParser: false,
      // Else the second of two Hosts or Authorizations is dropped without a word, and somebody before us may believe it.
      joinDuplicateHeaders: true,
      // Whoever offers another protocol, such as h2c, is answered in this one. Node before 24.9 does not ask.
      shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
    });
    server.on('request', (request, response) => {
      const exchange = this.#http1Connections.began(request, response);
      if (exchange !== undefined) this.#serve(request, exchange);
    });
    server.on('clientError', (error, socket: Socket) =>
      refuseNoHttp(error, socket, this.#http1Connections.answersDueOn(socket)),
    );
    server.on('connect', (_request, socket: Socket) => {
      this.#http1Connections.left(socket);
      endWith(socket, noTunnel(), 405);
    });
    server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      this.#http1Connections.left(socket);
      this.#upgrade(request, socket, head);
    });
    // Node begins its watch over timeouts with this event, which a server that does not listen has to be given.
    server.emit('listening');
    return server;
  }

  #createHttp2(): Http2Server {
    const server = createHttp2Server({
      settings: { maxConcurrentStreams: maxStreams, maxHeaderListSize: maxHeadBytes },
      maxSessionRejectedStreams: maxStreams,
    });
    server.on('request', (request, response) => this.#serveHttp2(request, response));
    server.on('session', (session) => {
      this.#sessions.add(session);
      session.setTimeout(this.#options.keepAliveMs, () => session.close());
      session.on('error', ignore);
      session.once('close', () => this.#sessions.delete(session));
      if (this.#draining) session.close();
    });
    return server;
  }

  #accept(accepted: Socket): void {
    const { address } = peerOf(accepted.remoteAddress ?? '');
    const adopted = adoptSocket(accepted);
    const { socket } = adopted;
    this.#sockets.add(socket);
    // 'close' follows. An 'error' that nobody hears would end the process.
    socket.on('error', ignore);
    socket.once('close', () => this.#forget(socket));
    if (this.#options.isLoadBalancer(address)) void this.#acceptProxied(adopted, address);
    else this.#enter(adopted, address);
  }

  #forget(socket: Socket): void {
    this.#sockets.delete(socket);
    if (this.#sockets.size === 0) this.#onNoneLeft?.();
  }

  /** The client is who the load balancer says; or the load balancer, when it speaks for itself. */
  async #acceptProxied(accepted: LendingSocket, loadBalancer: string): Promise<void> {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(new GatewayError('CLIENT_TOO_SLOW')), proxyHeaderTimeoutMs);
    try {
      await readProxyHeader(accepted.socket, AbortSignal.any([limit.signal, this.#drained.signal]), (client) =>
        this.#enter(accepted, client === undefined ? loadBalancer : peerOf(client).address),
      );
    } catch (error) {
      this.#options.onUnknownClient(loadBalancer, error);
    } finally {
      clearTimeout(timer);
    }
  }

  #enter({ socket, reads }: LendingSocket, address: string): void {
    const { certificates, limits } = this.#options;
    const entry = limits.enter(address);
    if (entry.kind === 'turnedAway') {
      if (certificates === undefined) endWith(socket, entry.error);
      else socket.destroy();
      return;
    }
    const client = new Client(address, entry.visit);
    this.#welcome(socket, client);
    if (certificates === undefined) {
      this.#openHttp1(socket, reads, client);
      socket.resume();
    } else void this.#secure(socket, certificates, client);
  }

  #openHttp1(socket: Socket, reads: LendingReads | undefined, client: Client): void {
    this.#http1.emit('connection', socket);
    this.#http1Connections.opened(socket, reads, client);
  }

  #welcome(socket: Socket, client: Client): void {
    const key = keyOf(socket);
    this.#clients.set(key, client);
    this.#options.onOpenConnections(this.#clients.size);
    socket.once('close', () => {
      client.left();
      this.#clients.delete(key);
      this.#options.onOpenConnections(this.#clients.size);
    });
  }

  async #secure(raw: Socket, { current: certificate }: CertificateStore, client: Client): Promise<void> {
    const limit = AbortSignal.timeout(handshakeTimeoutMs);
    await startTls(raw, { certificate, chooseProtocol, limit }, (secured) => {
      secured.on('error', ignore);
      // As tls.Server does it now. An HTTP/2 session would wait for that ("HTTP/2 answers, many at once ...").
      Object.assign(secured, { secureConnecting: false });
      if (secured.alpnProtocol === 'h2') this.#http2.emit('connection', secured);
      else this.#openHttp1(secured, undefined, client);
      // Who fails here speaks no TLS, which leaves nothing to answer in.
    }).catch(() => raw.destroy());
  }

  #serveHttp2(request: Http2ServerRequest, response: Http2ServerResponse): void {
    const client = this.#clients.get(keyOf(request.socket));
    if (client === undefined) return void response.destroy(); // It has left.
    this.#serve(request, new NodeExchange(request, response, client, randomUUID() as string as SessionId));
  }

  #serve({ method, url = '' }: IncomingMessage | Http2ServerRequest, exchange: Exchange): void {
    this.#begin(exchange);
    if (!isHost(exchange.headers.host)) return tell(exchange, invalidRequest('its header Host names no host'));
    route(exchange, method, url, this.#options.sql);
  }

  #begin(exchange: Exchange): Exchange {
    // There may be a place for its next connection; on this one it is refused whatever happens.
    if (this.#draining || exchange.client.refusal !== undefined) exchange.closeAfterwards();
    return exchange;
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const client = this.#clients.get(keyOf(socket));
    if (client === undefined || this.#draining) return void socket.destroy();
    // Its place among the limits was taken for requests; a session takes one of its own.
    if (client.admitted) return endWith(socket, invalidRequest('a WebSocket needs a connection of its own'));
    if (!isHost(request.headers.host)) return endWith(socket, invalidRequest('its header Host names no host'));
    this.#options.webSockets.upgrade(request, socket, head, client);
  }
}

type Peer = Pick<Socket, 'remoteAddress' | 'remotePort'>;

function keyOf({ remoteAddress, remotePort }: Peer): string {
  return `${remoteAddress} ${remotePort}`;
}

function invalidRequest(what: string): GatewayError {
  return new GatewayError('REQUEST_INVALID', { params: { what } });
}

function noTunnel(): GatewayError {
  return invalidRequest('this is no proxy for other hosts');
}

function ignore(): void {
  return undefined;
}
