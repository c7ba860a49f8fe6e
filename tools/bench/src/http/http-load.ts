// Connections that each send one request after the other, for a while.

import { performance } from 'node:perf_hooks';
import type { Client } from 'undici';
import { summarise } from '../statistics.ts';
import type { TcpLoad } from '../tcp/measure-tcp.ts';
import { type HttpRequest, ask, createClient, requireAnswer } from './http-client.ts';

export interface CheckedRequest extends HttpRequest {
  /** The only right body of an answer. */
  readonly expected: Buffer;
}

export interface HttpTarget {
  readonly origin: string;
  /** At least one. */
  readonly requests: readonly CheckedRequest[];
}

export class HttpLoad {
  readonly #requests: readonly CheckedRequest[];
  readonly #clients: readonly Client[];

  private constructor({ origin, requests }: HttpTarget, connections: number) {
    this.#requests = requests;
    this.#clients = Array.from({ length: connections }, () => createClient(origin));
  }

  /** With all connections made: each has had an answer. */
  static async open(target: HttpTarget, connections: number): Promise<HttpLoad> {
    const load = new HttpLoad(target, connections);
    await load.run(0);
    return load;
  }

  /** At least one request on each connection. Rejects at the first one that fails or is answered wrongly. */
  async run(seconds: number): Promise<Required<TcpLoad>> {
    const timesMs: number[] = [];
    const begunAt = performance.now();
    const endAt = begunAt + seconds * 1_000;
    await Promise.all(
      this.#clients.map(async (client, at) => {
        let sent = at;
        do {
          const request = this.#requests[sent++ % this.#requests.length] as CheckedRequest;
          const sentAt = performance.now();
          requireAnswer(await ask(client, request), request.expected);
          timesMs.push(performance.now() - sentAt);
        } while (performance.now() < endAt);
      }),
    );
    const tookMs = performance.now() - begunAt;
    const { count, medianMs, p99Ms } = summarise(timesMs);
    return { count, perSecond: (count * 1_000) / tookMs, p50Ms: medianMs, p99Ms };
  }

  /** What is still under way is given up. */
  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.destroy()));
  }
}
