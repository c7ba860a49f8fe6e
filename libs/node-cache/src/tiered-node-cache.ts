// The node cache that several processes share: what this process holds first, then Redis. Redis may be away, empty, slow or
// lying; then this is a cache in memory.

import type { Clock, NodeCachePort } from '@pgwake/connect-core';
import type { EndpointId } from '@pgwake/ids';
import { LRUCache } from 'lru-cache';
import type { MemoryNodeCache } from './memory-node-cache.js';
import type { NodeCacheObserver, ReadOutcome } from './node-cache-observer.js';
import { type NodeStamp, compareStamps } from './node-stamp.js';
import type { Reader } from './shared-entry.js';
import type { SharedFinding, SharedNodes } from './shared-nodes.js';

export interface TieredNodeCacheParts {
  readonly memory: MemoryNodeCache;
  readonly shared: SharedNodes;
  /** What an entry of the shared tier has to stand. */
  readonly check: Reader;
  readonly observer: NodeCacheObserver;
  /** Bounds of what is remembered of the shared tier; as those of the memory tier. */
  readonly maxEntries: number;
  readonly maxAgeMs: number;
  readonly clock: Pick<Clock, 'now'>;
}

export function createTieredNodeCache(parts: TieredNodeCacheParts): NodeCachePort {
  const { memory, shared, check, observer, maxEntries, maxAgeMs, clock } = parts;
  // What is in Redis already; otherwise every dial of a busy endpoint would write it again.
  const bounds = { max: maxEntries, ttl: maxAgeMs, ttlResolution: 0, perf: { now: () => clock.now() } };
  const known = new LRUCache<EndpointId, NodeStamp>(bounds);

  return {
    async get(endpoint) {
      const held = await memory.get(endpoint);
      observer.onRead('memory', held ? 'hit' : 'miss');
      if (held) return held;
      const finding = await shared.read(endpoint, check);
      if (finding.kind !== 'node') {
        observer.onRead('shared', outcomeOf(finding));
        return undefined;
      }
      known.set(endpoint, finding.node);
      await memory.put(finding.node);
      // Not the finding itself: an eviction that Redis has not heard of, or a newer node, is known to the memory.
      const cached = await memory.get(endpoint);
      observer.onRead('shared', cached ? 'hit' : 'evicted');
      return cached;
    },

    peek: (endpoint) => memory.peek(endpoint),

    async put(node) {
      await memory.put(node);
      const before = known.get(node.endpoint);
      if (before && compareStamps(before, node) === 0) return;
      if (node.signature === undefined) return observer.onWrite('unsigned');
      const stored = await shared.store(node, node.signature);
      if (stored) known.set(node.endpoint, node);
      observer.onWrite(stored ? 'stored' : 'failed');
    },

    async evict(suspect) {
      const stamp = suspect.consumeForEviction();
      memory.outdate(stamp);
      // Not waited for: the client is about to ask wake-service.
      void shared.outdate(stamp).then((done) => observer.onWrite(done ? 'evicted' : 'failed'));
    },
  };
}

function outcomeOf(finding: Exclude<SharedFinding, { kind: 'node' }>): ReadOutcome {
  switch (finding.kind) {
    case 'nothing':
      return 'miss';
    case 'tombstone':
      return 'evicted';
    case 'unavailable':
      return 'unavailable';
    case 'refused':
      return finding.refusal;
  }
}
