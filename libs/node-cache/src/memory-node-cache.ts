// The tier of the node cache inside one process: bounded, gone with the process, a hint and never the truth. It never dials,
// wakes or checks anything; it only keeps the order of stamps straight.

import { CachedNode, type Clock, type NodeCachePort, type NodeInfo } from '@pgwake/connect-core';
import type { EndpointId } from '@pgwake/ids';
import { LRUCache } from 'lru-cache';
import { type NodeStamp, compareStamps } from './node-stamp.js';

export interface MemoryNodeCacheSettings {
  /** The endpoint used longest ago goes first. */
  readonly maxEntries: number;
  /** An entry is a miss when it was last stored longer ago than this. */
  readonly maxAgeMs: number;
  readonly clock: Pick<Clock, 'now'>;
}

export interface MemoryNodeCache extends NodeCachePort {
  /** Evicts what is held up to this stamp, and keeps it away for `maxAgeMs`. */
  outdate(stamp: NodeStamp): void;
}

/** The highest stamp heard of, and its node unless that stamp is outdated. */
interface Held {
  readonly stamp: NodeStamp;
  readonly node: NodeInfo | undefined;
}

/**
 * A node cache in memory. `put` never lets a lower stamp replace a higher one, and storing the same one again renews its
 * age. For `maxAgeMs` after an evict, everything up to the evicted stamp stays away. Throws RangeError for bounds that
 * hold nothing.
 */
export function createMemoryNodeCache({ maxEntries, maxAgeMs, clock }: MemoryNodeCacheSettings): MemoryNodeCache {
  if (!Number.isSafeInteger(maxEntries) || maxEntries < 1) throw new RangeError(`maxEntries: ${maxEntries}`);
  if (!Number.isSafeInteger(maxAgeMs) || maxAgeMs < 1) throw new RangeError(`maxAgeMs: ${maxAgeMs}`);
  // ttlResolution 0: otherwise lru-cache keeps the time of its last look in a timer of its own, past the injected clock.
  const bounds = { max: maxEntries, ttl: maxAgeMs, ttlResolution: 0, perf: { now: () => clock.now() } };
  const endpoints = new LRUCache<EndpointId, Held>(bounds);

  const outdate = (stamp: NodeStamp): void => {
    const held = endpoints.get(stamp.endpoint);
    // A slow loser must not evict the entry of a winner ("a slow loser does not evict ...").
    if (held && compareStamps(stamp, held.stamp) < 0) return;
    endpoints.set(stamp.endpoint, { stamp, node: undefined });
  };

  return {
    outdate,

    async get(endpoint) {
      const node = endpoints.get(endpoint)?.node;
      return node && new CachedNode(node);
    },

    peek: (endpoint) => endpoints.peek(endpoint)?.node,

    async put(node) {
      const held = endpoints.get(node.endpoint);
      if (held && !isNews(node, held)) return;
      endpoints.set(node.endpoint, { stamp: node, node });
    },

    async evict(suspect) {
      outdate(suspect.consumeForEviction());
    },
  };
}

/** A slow winner, proven before the compute died, must not bring it back ("a late put does not revive ..."). */
function isNews(node: NodeInfo, held: Held): boolean {
  const order = compareStamps(node, held.stamp);
  return order > 0 || (order === 0 && held.node !== undefined);
}
