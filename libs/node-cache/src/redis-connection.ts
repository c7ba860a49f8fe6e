// Connections to Redis that nobody ever waits for: what cannot be sent now fails now, a socket that has gone silent is
// replaced, and reconnecting goes on for ever. Starting does not depend on Redis being there.

import type { Random } from '@pgwake/connect-core';
import { Redis } from 'ioredis';

export interface RedisAddress {
  /** `redis://` or `rediss://` (TLS), with user, password and database as needed. A secret. */
  readonly url: string;
  /** PEM text of the CA for `rediss://`; `undefined`: the CAs of Node. */
  readonly ca: string | undefined;
}

const connectTimeoutMs = 1_000;
const silenceLimitMs = 1_000;
const keepAliveAfterMs = 5_000;
const closeLimitMs = 250;
const firstRetryMs = 50;
const longestRetryMs = 1_000;

/** Begins to connect at once. `onError` gets every error of the connection; without it ioredis prints them. */
export function openRedis(
  { url, ca }: RedisAddress,
  random: Random,
  onError: (error: Error) => void = () => undefined,
): Redis {
  const redis = new Redis(url, {
    ...(url.startsWith('rediss:') ? { tls: ca === undefined ? {} : { ca } } : {}),
    lazyConnect: true,
    // ioredis' defaults wait: for a connection, and for twenty of them per command.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    // INFO says nothing here that an error reply (LOADING, READONLY) would not say, and needs a permission.
    enableReadyCheck: false,
    disableClientInfo: true,
    protocol: 2,
    connectTimeout: connectTimeoutMs,
    socketTimeout: silenceLimitMs,
    keepAlive: keepAliveAfterMs,
    disconnectTimeout: closeLimitMs,
    autoResubscribe: false, // see listenForEvictions
    retryStrategy: (attempt) => {
      const ceilingMs = Math.min(longestRetryMs, firstRetryMs * 2 ** Math.min(attempt - 1, 10));
      return (ceilingMs * (1 + random())) / 2;
    },
  });
  redis.on('error', onError);
  redis.connect().catch(() => undefined); // goes to 'error' as well
  return redis;
}
