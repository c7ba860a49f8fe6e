export { mayBeOver } from './may-be-over.js';
export { type MemoryNodeCache, type MemoryNodeCacheSettings, createMemoryNodeCache } from './memory-node-cache.js';
export type {
  MessageOutcome,
  NodeCacheObserver,
  ReadOutcome,
  RedisObserver,
  WriteOutcome,
} from './node-cache-observer.js';
export { type NodeKeys, type ParsedNodeKeys, parseNodeKeys } from './node-keys.js';
export { type UnsignedNode, signNode } from './node-signature.js';
export type { NodeStamp } from './node-stamp.js';
export type { RedisAddress } from './redis-connection.js';
export { RedisLink, type RedisLinkSettings } from './redis-link.js';
export {
  type GenerationRef,
  type NodeEvictions,
  type NodeEvictionsDeps,
  type RedisNodeCache,
  type RedisNodeCacheDeps,
  type RedisNodeCacheSettings,
  type RedisSettings,
  createNodeEvictions,
  createRedisNodeCache,
  noNodeEvictions,
} from './redis-node-cache.js';
