// Processes that share nodes through one Redis: what each of them has of this library, and what it was told.

import { Redis } from 'ioredis';
import type { NodeKeys } from '../node-keys.js';
import type { NodeCacheObserver } from '../node-cache-observer.js';
import {
  type NodeEvictions,
  type RedisNodeCache,
  createNodeEvictions,
  createRedisNodeCache,
} from '../redis-node-cache.js';
import { makeKeys } from './nodes.js';

export const maxAgeMs = 240_000;
export const callTimeoutMs = 50;
export const prefix = 'pgwake-test:';

export interface Proxy {
  readonly cache: RedisNodeCache;
  /** What the observer was told, in order, such as `shared hit` or `write stored`. */
  readonly told: string[];
  /** What came over the eviction channel: `eviction` or `ignored`. */
  readonly heard: string[];
  /** What wake-service called over, such as `demo 3`. */
  readonly over: string[];
}

export interface ProxyOptions {
  readonly keys?: NodeKeys;
  readonly memoryMaxAgeMs?: number;
  readonly wallClock?: () => number;
  readonly ca?: string;
  readonly url?: string;
}

export class Proxies {
  readonly keys = makeKeys('k1');
  readonly #open: { close(): void }[] = [];

  constructor(private readonly url: string) {}

  proxy(options: ProxyOptions = {}): Proxy {
    const { keys = this.keys, memoryMaxAgeMs = 5_000, wallClock = Date.now, ca, url = this.url } = options;
    const told: string[] = [];
    const heard: string[] = [];
    const over: string[] = [];
    const observer: NodeCacheObserver = {
      onRead: (tier, outcome) => told.push(`${tier} ${outcome}`),
      onWrite: (outcome) => told.push(`write ${outcome}`),
      onMessage: (outcome) => heard.push(outcome),
      onUnavailable: (reason) => told.push(`unavailable: ${reason}`),
      onAvailable: () => told.push('available'),
    };
    const cache = createRedisNodeCache(
      { address: { url, ca }, prefix, callTimeoutMs, maxAgeMs, keys, maxEntries: 100, memoryMaxAgeMs },
      { clock: performance, wallClock, random: Math.random, observer },
    );
    cache.onGenerationOver(({ endpoint, generation }) => over.push(`${endpoint} ${generation}`));
    this.#open.push(cache);
    return { cache, told, heard, over };
  }

  wakeService(): NodeEvictions {
    const evictions = createNodeEvictions(
      { address: { url: this.url, ca: undefined }, prefix, callTimeoutMs, maxAgeMs },
      {
        clock: performance,
        random: Math.random,
        observer: { onUnavailable: () => undefined, onAvailable: () => undefined },
      },
    );
    this.#open.push(evictions);
    return evictions;
  }

  /** A plain client, which may do everything. */
  admin(): Redis {
    const admin = new Redis(this.url);
    admin.on('error', () => undefined);
    this.#open.push({ close: () => admin.disconnect() });
    return admin;
  }

  close(): void {
    for (const part of this.#open) part.close();
  }
}
