export { type MemoryNodeCacheSettings, createMemoryNodeCache } from './memory-node-cache.js';
