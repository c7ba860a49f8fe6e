// The node cache of this proxy: in memory, and shared with the other proxies where there is a Redis.

import type { NodeCachePort } from '@pgwake/connect-core';
import { readNodeSharing, systemClock } from '@pgwake/nest-kit';
import {
  type GenerationRef,
  type NodeCacheObserver,
  createMemoryNodeCache,
  createRedisNodeCache,
} from '@pgwake/node-cache';
import type { Logger, ProxyMetrics } from '@pgwake/telemetry';
import type { ProxySettings } from './proxy-settings.js';

export interface OpenNodeCache extends NodeCachePort {
  /** Calls the one listener when wake-service has said that a compute is going or gone. Without Redis nobody hears of it. */
  onGenerationOver(listener: (ref: GenerationRef) => void): void;
  close(): void;
}

/** Throws a StartupError when the settings do not go together. Does not wait for Redis. */
export function openNodeCache(settings: ProxySettings, log: Logger, metrics: ProxyMetrics): OpenNodeCache {
  const { nodeCacheMaxEntries: maxEntries, nodeCacheMaxAgeMs: maxAgeMs } = settings;
  const { keys, redis } = readNodeSharing(settings);
  if (redis === undefined) {
    const memory = createMemoryNodeCache({ maxEntries, maxAgeMs, clock: systemClock });
    return { ...memory, onGenerationOver: () => undefined, close: () => undefined };
  }
  return createRedisNodeCache(
    { ...redis, keys, maxEntries, memoryMaxAgeMs: Math.min(settings.nodeCacheMemoryMaxAgeMs, maxAgeMs) },
    { clock: systemClock, wallClock: Date.now, random: Math.random, observer: createObserver(log, metrics) },
  );
}

function createObserver(log: Logger, metrics: ProxyMetrics): NodeCacheObserver {
  return {
    onRead: (tier, outcome) => metrics.nodeCacheReads.inc({ tier, outcome }),
    onWrite: (outcome) => metrics.nodeCacheWrites.inc({ outcome }),
    onMessage: (outcome) => metrics.nodeCacheMessages.inc({ outcome }),
    onUnavailable: (reason) => log.warn({ detail: reason }, 'Redis does not answer; node addresses are not shared'),
    onAvailable: () => log.info('Redis answers again'),
  };
}
