// The settings of the pool of query connections. What else has a number there is for whoever changes the pool.

import { type SettingsOf, setting } from '@pgwake/nest-kit';
import { type PoolSettings, defaultPoolSettings } from '@pgwake/sql-pool';

const hour = 3_600_000;

export const poolSettings = {
  poolMaxPerEndpoint: setting.integer(
    'PGWAKE_POOL_MAX_PER_ENDPOINT',
    defaultPoolSettings.maxPerEndpoint,
    { low: 1, high: 10_000 },
    'How many connections to one compute requests may have at once; further requests wait for one.',
  ),
  poolMaxOpen: setting.integer(
    'PGWAKE_POOL_MAX_OPEN',
    defaultPoolSettings.maxOpen,
    { low: 1, high: 1_000_000 },
    'How many connections requests may have at once to all computes together; at the bound the one idle for longest is closed for a new one. Fewer where the process may not open that many files.',
  ),
  poolMaxWaitingPerEndpoint: setting.integer(
    'PGWAKE_POOL_MAX_WAITING_PER_ENDPOINT',
    defaultPoolSettings.maxWaitingPerEndpoint,
    { low: 0, high: 1_000_000 },
    'How many requests may wait for a connection to one compute; a further one is refused at once.',
  ),
  poolWaitLimitMs: setting.integer(
    'PGWAKE_POOL_WAIT_LIMIT_MS',
    defaultPoolSettings.waitLimitMs,
    { low: 1, high: hour },
    'How long a request waits for a connection before it is refused, in milliseconds.',
  ),
  poolIdleTimeoutMs: setting.integer(
    'PGWAKE_POOL_IDLE_TIMEOUT_MS',
    defaultPoolSettings.idleTimeoutMs,
    { low: 1_000, high: 24 * hour },
    'How long a connection of the pool stays open without a request, in milliseconds.',
  ),
  poolMaxAgeMs: setting.integer(
    'PGWAKE_POOL_MAX_AGE_MS',
    defaultPoolSettings.maxAgeMs,
    { low: 1, high: 24 * hour },
    'How old a connection of the pool may be and still take a request, in milliseconds.',
  ),
  poolMaxUses: setting.integer(
    'PGWAKE_POOL_MAX_USES',
    defaultPoolSettings.maxUses,
    { low: 1, high: 1_000_000 },
    'How many requests a connection of the pool serves before it is closed.',
  ),
};

/** `capacity`: how many connections to computes the process has room for. */
export function toPoolSettings(settings: SettingsOf<typeof poolSettings>, capacity: number): Partial<PoolSettings> {
  return {
    maxPerEndpoint: settings.poolMaxPerEndpoint,
    maxOpen: Math.min(settings.poolMaxOpen, capacity),
    maxWaitingPerEndpoint: settings.poolMaxWaitingPerEndpoint,
    waitLimitMs: settings.poolWaitLimitMs,
    idleTimeoutMs: settings.poolIdleTimeoutMs,
    maxAgeMs: settings.poolMaxAgeMs,
    maxUses: settings.poolMaxUses,
  };
}
