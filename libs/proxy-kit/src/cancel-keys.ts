// The cancel keys of this proxy's sessions, shared with the other proxies where there is a Redis.

import { CancelKeys, SharedCancelKeys } from '@pgwake/cancel-keys';
import { readNodeSharing, systemClock } from '@pgwake/nest-kit';
import { RedisLink } from '@pgwake/node-cache';
import type { Logger } from '@pgwake/telemetry';
import type { ProxySettings } from './proxy-settings.js';

/** Throws a StartupError when the settings do not go together. Does not wait for Redis. */
export function openCancelKeys(settings: ProxySettings, log: Logger): CancelKeys {
  const { keys: nodeKeys, redis } = readNodeSharing(settings);
  if (redis === undefined) return new CancelKeys();
  const { address, callTimeoutMs, prefix, maxAgeMs } = redis;
  const random = Math.random;
  // A connection of its own: an entry that is written must not stand before an address that is looked for.
  const link = new RedisLink({
    address,
    callTimeoutMs,
    clock: systemClock,
    random,
    observer: {
      onUnavailable: (reason) =>
        log.warn({ detail: reason }, 'Redis does not answer; cancel requests work at the proxy of their session only'),
      onAvailable: () => log.info('Redis answers again; cancel requests work at every proxy'),
    },
  });
  return new CancelKeys(new SharedCancelKeys({ link, prefix, nodeKeys, maxAgeMs }, { random, wallClock: Date.now }));
}
