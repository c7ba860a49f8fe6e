import { LRUCache } from 'lru-cache';

const maxKeys = 10_000;
/** Unused for so long, it is forgotten. */
const keysIdleMs = 600_000;
/** Otherwise the cache looks at the clock, and sets a timer, once a millisecond. */
const ttlResolutionMs = 1_000;

/** What was proved, for ten minutes after its last use. */
export function createMemory<T extends object>(): LRUCache<string, T> {
  return new LRUCache({ max: maxKeys, ttl: keysIdleMs, updateAgeOnGet: true, ttlResolution: ttlResolutionMs });
}
