// Notices WebSockets whose peer is gone or has nothing to say: one timer for all of them.
//
// A ping goes out every interval, as load balancers cut what is silent; a peer that leaves two of them unanswered is gone.
// The idle limit counts data only: a pong is a sign of life, but no use.

import type { WebSocket } from 'ws';
import { type WebSocketDuplex, closeCode } from './web-socket-duplex.js';

export interface HeartbeatOptions {
  /** Between two pings, in milliseconds. */
  readonly pingIntervalMs: number;
  /** A WebSocket that carries no data for so long is closed, in milliseconds; 0: never. */
  readonly idleTimeoutMs: number;
}

interface Watched {
  readonly webSocket: WebSocket;
  readonly duplex: WebSocketDuplex;
  pingsUnanswered: number;
  /** Since the last beat. */
  pingsReceived: number;
  bytesCarried: number;
  idleMs: number;
}

const pingsThatMayGoUnanswered = 2;
/** Each is answered, so a flood of them is work for nothing. */
const maxPingsPerSecond = 20;

export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #all = new Set<Watched>();
  readonly #timer: NodeJS.Timeout;
  readonly #mostPings: number;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#mostPings = Math.ceil((maxPingsPerSecond * options.pingIntervalMs) / 1_000);
    this.#timer = setInterval(() => this.#beat(), options.pingIntervalMs);
    this.#timer.unref();
  }

  /** Until it is closed. */
  watch(webSocket: WebSocket, duplex: WebSocketDuplex): void {
    const watched: Watched = { webSocket, duplex, pingsUnanswered: 0, pingsReceived: 0, bytesCarried: 0, idleMs: 0 };
    this.#all.add(watched);
    webSocket.on('pong', () => (watched.pingsUnanswered = 0));
    webSocket.on('ping', () => {
      watched.pingsReceived += 1;
      if (watched.pingsReceived > this.#mostPings) webSocket.close(closeCode.policy, 'too many pings');
    });
    webSocket.on('close', () => this.#all.delete(watched));
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #beat(): void {
    for (const watched of this.#all) {
      watched.pingsReceived = 0;
      if (this.#isIdle(watched)) watched.webSocket.close(closeCode.normal, 'idle for too long');
      else this.#ping(watched);
    }
  }

  #isIdle(watched: Watched): boolean {
    const { pingIntervalMs, idleTimeoutMs } = this.#options;
    const { bytesCarried } = watched.duplex;
    watched.idleMs = watched.bytesCarried === bytesCarried ? watched.idleMs + pingIntervalMs : 0;
    watched.bytesCarried = bytesCarried;
    return idleTimeoutMs > 0 && watched.idleMs >= idleTimeoutMs;
  }

  #ping(watched: Watched): void {
    const { webSocket } = watched;
    if (watched.pingsUnanswered >= pingsThatMayGoUnanswered) return webSocket.terminate();
    // While we do not read, because the compute cannot take more, its pong may stand behind data that we have not read.
    if (webSocket.isPaused || webSocket.readyState !== webSocket.OPEN) return;
    watched.pingsUnanswered += 1;
    webSocket.ping();
  }
}
