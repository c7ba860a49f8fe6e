// The tier of the node cache inside one process: bounded, gone with the process, a hint and never the truth. It never dials,
// wakes or checks anything; it only keeps the order of generations straight.

import { CachedNode, type Clock, type NodeCachePort, type NodeInfo } from '@pgwake/connect-core';
import type { EndpointId, Generation } from '@pgwake/ids';
import { LRUCache } from 'lru-cache';

export interface MemoryNodeCacheSettings {
  /** The endpoint used longest ago goes first. */
  readonly maxEntries: number;
  /** An entry is a miss when it was last stored longer ago than this. */
  readonly maxAgeMs: number;
  readonly clock: Pick<Clock, 'now'>;
}

interface Tombstone {
  readonly generation: Generation;
  readonly evictedAtMs: number;
}

/**
 * A node cache in memory. `put` never lets a lower generation replace a higher one, and storing the same one again renews
 * its age. For `maxAgeMs` after an evict, lower generations stay away, and that generation too unless wake-service has named
 * it since. Throws RangeError for bounds that hold nothing.
 */
export function createMemoryNodeCache({ maxEntries, maxAgeMs, clock }: MemoryNodeCacheSettings): NodeCachePort {
  if (!Number.isSafeInteger(maxEntries) || maxEntries < 1) throw new RangeError(`maxEntries: ${maxEntries}`);
  if (!Number.isSafeInteger(maxAgeMs) || maxAgeMs < 1) throw new RangeError(`maxAgeMs: ${maxAgeMs}`);
  // ttlResolution 0: otherwise lru-cache keeps the time of its last look in a timer of its own, past the injected clock.
  const bounds = { max: maxEntries, ttl: maxAgeMs, ttlResolution: 0, perf: { now: () => clock.now() } };
  const nodes = new LRUCache<EndpointId, NodeInfo>(bounds);
  const tombstones = new LRUCache<EndpointId, Tombstone>(bounds);

  return {
    async get(endpoint) {
      const node = nodes.get(endpoint);
      return node && new CachedNode(node);
    },

    async put(node, knownSinceMs) {
      const { endpoint, generation } = node;
      const tombstone = tombstones.get(endpoint);
      if (tombstone && isOutdated(node, knownSinceMs, tombstone)) return;
      const held = nodes.get(endpoint);
      if (held && held.generation > generation) return;
      nodes.set(endpoint, node);
    },

    async evict(suspect) {
      const { endpoint, generation } = suspect.consumeForEviction();
      const tombstone = tombstones.get(endpoint);
      // Compare and delete: a slow loser must not evict the entry of a winner ("a slow loser does not evict ...").
      if (nodes.get(endpoint)?.generation === generation) nodes.delete(endpoint);
      // Nothing to delete: this suspect was read before the evict we know of, and tells nothing about what was named since.
      else if (tombstone?.generation === generation) return;
      if (tombstone && tombstone.generation > generation) return;
      tombstones.set(endpoint, { generation, evictedAtMs: clock.now() });
    },
  };
}

/** A slow winner, proven before the compute died, must not bring it back ("a late put does not revive ..."). */
function isOutdated({ generation }: NodeInfo, knownSinceMs: number, tombstone: Tombstone): boolean {
  if (generation === tombstone.generation) return knownSinceMs < tombstone.evictedAtMs;
  return generation < tombstone.generation;
}
