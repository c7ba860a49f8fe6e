// Tells the proxies, through Redis, which computes are over. Without Redis they find out when they dial.

import {
  type NodeEvictions,
  type RedisObserver,
  type RedisSettings,
  createNodeEvictions,
  noNodeEvictions,
} from '@pgwake/node-cache';
import type { Logger } from '@pgwake/telemetry';

export function openNodeEvictions(redis: RedisSettings | undefined, log: Logger): NodeEvictions {
  if (redis === undefined) return noNodeEvictions;
  const observer: RedisObserver = {
    onUnavailable: (reason) => log.warn({ detail: reason }, 'Redis does not answer; evictions are not published'),
    onAvailable: () => log.info('Redis answers again'),
  };
  return createNodeEvictions(redis, { clock: performance, random: Math.random, observer });
}
