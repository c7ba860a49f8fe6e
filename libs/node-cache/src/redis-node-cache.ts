// What the apps make of this library: the shared node cache of a proxy, and the evictions of wake-service.

import type { Clock, NodeCachePort, Random } from '@pgwake/connect-core';
import type { EndpointId, Generation } from '@pgwake/ids';
import { listenForEvictions } from './eviction-listener.js';
import { createMemoryNodeCache } from './memory-node-cache.js';
import type { NodeCacheObserver, RedisObserver } from './node-cache-observer.js';
import type { NodeKeys } from './node-keys.js';
import { endOfGeneration, isEndOfGeneration } from './node-stamp.js';
import type { RedisAddress } from './redis-connection.js';
import { RedisLink } from './redis-link.js';
import { SharedNodes, namesUnder } from './shared-nodes.js';
import { createTieredNodeCache } from './tiered-node-cache.js';

/** All processes of an installation are given the same prefix, maximum age and keys. */
export interface RedisSettings {
  readonly address: RedisAddress;
  /** Before all keys and channels. */
  readonly prefix: string;
  /** How long a call may take. */
  readonly callTimeoutMs: number;
  /** A node is used for so long after wake-service named it. */
  readonly maxAgeMs: number;
}

export interface RedisNodeCacheSettings extends RedisSettings {
  /** The first signs, all are accepted. */
  readonly keys: NodeKeys;
  /** Of the tier in memory. */
  readonly maxEntries: number;
  /** Of the tier in memory: how long an eviction may go unheard. */
  readonly memoryMaxAgeMs: number;
}

export interface NodeEvictionsDeps {
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Random;
  readonly observer: RedisObserver;
}

export interface RedisNodeCacheDeps extends NodeEvictionsDeps {
  /** Milliseconds since 1970-01-01 UTC. */
  readonly wallClock: () => number;
  readonly observer: NodeCacheObserver;
}

/** One life of a compute. */
export interface GenerationRef {
  readonly endpoint: EndpointId;
  readonly generation: Generation;
}

export interface RedisNodeCache extends NodeCachePort {
  /**
   * wake-service is about to end this compute, or has: for whoever keeps connections to it. A hint: a message may be lost,
   * and anybody who can publish can send one. There is one listener.
   */
  onGenerationOver(listener: (ref: GenerationRef) => void): void;
  close(): void;
}

/** Does not wait for Redis, and never fails because of it. */
export function createRedisNodeCache(settings: RedisNodeCacheSettings, deps: RedisNodeCacheDeps): RedisNodeCache {
  const { address, callTimeoutMs, prefix, keys, maxAgeMs, maxEntries } = settings;
  const { clock, random, observer, wallClock } = deps;
  const bounds = { maxEntries, maxAgeMs: settings.memoryMaxAgeMs, clock };
  const memory = createMemoryNodeCache(bounds);
  const names = namesUnder(prefix);
  const link = new RedisLink({ address, callTimeoutMs, clock, random, observer });
  const shared = new SharedNodes(link, names, maxAgeMs);
  let tellOver = (_: GenerationRef): void => undefined;
  const stopListening = listenForEvictions({
    address,
    channel: names.evictionChannel,
    random,
    onEviction(stamp) {
      memory.outdate(stamp);
      observer.onMessage('eviction');
      if (isEndOfGeneration(stamp)) tellOver(stamp);
    },
    onIgnored: () => observer.onMessage('ignored'),
  });
  return {
    ...createTieredNodeCache({ memory, shared, check: { keys, maxAgeMs, wallClock }, observer, ...bounds }),
    onGenerationOver(listener) {
      tellOver = listener;
    },
    close() {
      stopListening();
      link.close();
    },
  };
}

export interface NodeEvictions {
  /** A generation is over: removes its node for all processes. Never rejects, and takes no longer than the call limit. */
  evict(ref: GenerationRef): Promise<void>;
  close(): void;
}

/** Does not wait for Redis, and never fails because of it. */
export function createNodeEvictions(settings: RedisSettings, deps: NodeEvictionsDeps): NodeEvictions {
  const { address, callTimeoutMs, prefix, maxAgeMs } = settings;
  const link = new RedisLink({ address, callTimeoutMs, ...deps });
  const shared = new SharedNodes(link, namesUnder(prefix), maxAgeMs);
  return {
    async evict({ endpoint, generation }) {
      await shared.outdate(endOfGeneration(endpoint, generation));
    },
    close: () => link.close(),
  };
}

/** Where there is no Redis: proxies find out by themselves. */
export const noNodeEvictions: NodeEvictions = {
  evict: async () => undefined,
  close: () => undefined,
};
