// What the apps make of this library: the shared node cache of a proxy, and the evictions of wake-service.

import type { Clock, NodeCachePort, Random } from '@pgwake/connect-core';
import type { EndpointId, Generation } from '@pgwake/ids';
import { listenForEvictions } from './eviction-listener.js';
import { createMemoryNodeCache } from './memory-node-cache.js';
import type { NodeCacheObserver, RedisObserver } from './node-cache-observer.js';
import type { NodeKeys } from './node-keys.js';
import { endOfGeneration } from './node-stamp.js';
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

export interface RedisNodeCache extends NodeCachePort {
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
  const stopListening = listenForEvictions({
    address,
    channel: names.evictionChannel,
    random,
    onEviction(stamp) {
      memory.outdate(stamp);
      observer.onMessage('eviction');
    },
    onIgnored: () => observer.onMessage('ignored'),
  });
  return {
    ...createTieredNodeCache({ memory, shared, check: { keys, maxAgeMs, wallClock }, observer, ...bounds }),
    close() {
      stopListening();
      link.close();
    },
  };
}

export interface NodeEvictions {
  /** A generation is over: removes its node for all processes. Never rejects, and takes no longer than the call limit. */
  evict(ref: { readonly endpoint: EndpointId; readonly generation: Generation }): Promise<void>;
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
